// The same application as in ../application.py, on @logux/server.
import { addSyncMap, addSyncMapFilter, ChangedAt, Server } from '@logux/server'
import { LoguxNotFoundError } from '@logux/actions'
import { createServer } from 'node:http'

let server
let rooms = {}
let tasks = {}
let processed = []
let sinces = []
let taskSinces = []

function millis(id) {
  return parseInt(id.split(' ')[0])
}

function keep(room, action, meta) {
  rooms[room] ??= []
  rooms[room].push({ action, at: Date.now(), meta })
}

function define() {
  server.auth(({ headers, token, userId }) => {
    return userId !== 'nobody' && (token === 'secret' || headers.token === 'secret')
  })
  server.type(/^room\//, {
    access(ctx, action) {
      return !action.forbidden
    },
    process(ctx, action, meta) {
      processed.push(meta.id)
      if (action.fail) throw new Error('The action fails')
      keep(action.room, action, meta)
    },
    resend(ctx, action) {
      return `rooms/${action.room}`
    }
  })
  server.channel('rooms/:id', {
    access(ctx) {
      return ctx.params.id !== 'closed'
    },
    filter(ctx, action) {
      let author = action.filter?.author
      return author ? (ctx2, action2) => action2.author === author : () => true
    },
    load(ctx, action) {
      if (ctx.params.id === 'missing') throw new LoguxNotFoundError()
      sinces.push(action.since ?? null)
      let since = action.since ? millis(action.since.id) : 0
      let author = action.filter?.author
      return (rooms[ctx.params.id] ?? [])
        .filter(i => i.at >= since && (!author || i.action.author === author))
        .map(i => [i.action, { id: i.meta.id, time: i.meta.time }])
    }
  })
  server.type('0', {
    access: () => true,
    process(ctx, action, meta) {
      keep('encrypted', action, meta)
    },
    resend: () => 'rooms/encrypted'
  })
  server.type('0/clean', { access: () => true })
  defineMaps()
}

function withTimes(id) {
  let { fields, times } = tasks[id]
  let wrapped = { id }
  for (let key in fields) wrapped[key] = ChangedAt(fields[key], times[key])
  return wrapped
}

function write(id, fields, time) {
  tasks[id] ??= { fields: {}, times: {} }
  for (let key in fields) {
    if (!(tasks[id].times[key] > time)) {
      tasks[id].fields[key] = fields[key]
      tasks[id].times[key] = time
    }
  }
}

function defineMaps() {
  addSyncMap(server, 'tasks', {
    access: (ctx, id) => id !== 'closed',
    change(ctx, id, fields, time) {
      if (fields.title === 'bad') throw new Error('A bad title')
      write(id, fields, time)
    },
    create(ctx, id, fields, time) {
      write(id, fields, time)
    },
    delete(ctx, id) {
      delete tasks[id]
    },
    load(ctx, id, since) {
      taskSinces.push(since)
      if (!tasks[id]) throw new LoguxNotFoundError()
      return withTimes(id)
    }
  })
  addSyncMapFilter(server, 'tasks', {
    access: () => true,
    initial(ctx, filter) {
      return Object.keys(tasks)
        .filter(id => Object.keys(filter ?? {}).every(i => tasks[id].fields[i] === filter[i]))
        .map(withTimes)
    }
  })
}

async function start(options) {
  let http = createServer()
  await new Promise((resolve, reject) => {
    http.on('error', reject)
    http.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  server = new Server({ minSubprotocol: 1, subprotocol: 1, ...options, server: http })
  define()
  await server.listen()
  return http.address().port
}

export let calls = {
  async connections() {
    return server.connected.size
  },

  async headers({ clientId }) {
    return server.clientIds.get(clientId)?.node.remoteHeaders
  },

  async nodes() {
    return [...server.nodeIds.keys()].sort()
  },

  async processed() {
    return processed
  },

  async room({ room }) {
    return (rooms[room] ?? []).map(i => i.action)
  },

  async say({ action, meta }) {
    await server.log.add(action, { ...meta, status: 'processed' })
  },

  async sinces() {
    return sinces
  },

  start,

  async stop() {
    await server.destroy()
  },

  async tasks() {
    return Object.fromEntries(Object.entries(tasks).map(([id, task]) => [id, task.fields]))
  },

  async taskSinces() {
    return taskSinces
  },

  async undo({ id, reason }) {
    for (let room in rooms) {
      let found = rooms[room].find(i => i.meta.id === id)
      if (found) {
        rooms[room] = rooms[room].filter(i => i !== found)
        await server.undo(found.action, found.meta, reason)
      }
    }
  }
}
