// Clients of a Logux server, whichever it is, that speak the protocol message by message over
// WebSocket: what a server is sent depends on what it answers only, not on what it is.

import { WebSocket } from 'ws'

const ROOM = 'main'

const errors = []
// Ends what is being measured when something has gone wrong.
let abort = () => {}
let number = 0
let sender
let subscribers = []
let idle = []

class Client {
  constructor(url, onAction) {
    number += 1
    this.nodeId = `${number}:c:t`
    this.onAction = onAction
    this.added = 0
    this.closing = false
    this.waiting = new Map()
    this.ws = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true })
    this.ws.on('error', error => this.fail(error.message))
    this.ws.on('close', code => {
      if (!this.closing) this.fail(`closed with ${code}`)
    })
    this.connected = new Promise((resolve, reject) => {
      this.accept = resolve
      this.refuse = reject
    })
    this.ws.on('open', () => {
      this.send(['connect', 5, this.nodeId, 0, { subprotocol: 1 }])
    })
    this.ws.on('message', data => this.receive(JSON.parse(data)))
  }

  fail(text) {
    wrong(`${this.nodeId}: ${text}`)
    this.refuse(new Error(text))
  }

  send(message) {
    this.ws.send(JSON.stringify(message))
  }

  receive(message) {
    switch (message[0]) {
      case 'sync':
        this.send(['synced', message[1]])
        for (let i = 2; i < message.length; i += 2) {
          const action = message[i]
          const waiting = this.waiting.get(action.id)
          if (action.type === 'logux/processed' && waiting) {
            this.waiting.delete(action.id)
            waiting()
          } else if (action.type === 'logux/undo') {
            this.fail(`undone: ${JSON.stringify(action)}`)
          } else {
            this.onAction(action)
          }
        }
        break
      case 'ping':
        this.send(['pong', this.added])
        break
      case 'connected':
        this.baseTime = message[3][1]
        this.accept()
        break
      case 'error':
        this.fail(JSON.stringify(message))
        break
      case 'synced':
      case 'headers':
      case 'pong':
        break
      default:
        this.fail(`unknown message ${JSON.stringify(message)}`)
    }
  }

  // Sends an action in a sync of its own, as @logux/client does; calls back when it is processed.
  sync(action, processed) {
    this.added += 1
    const ms = Date.now() - this.baseTime
    const id = `${ms + this.baseTime} ${this.nodeId} ${this.added}`
    this.waiting.set(id, processed)
    this.send(['sync', this.added, action, { id: [ms, this.added], time: ms }])
  }

  subscribe(channel) {
    return new Promise(resolve => this.sync({ type: 'logux/subscribe', channel }, resolve))
  }

  close() {
    this.closing = true
    return new Promise(resolve => {
      this.ws.on('close', resolve)
      this.ws.close()
    })
  }
}

// Opens connections a few at a time: nobody's queue of new connections overflows.
async function connect(url, count, onAction) {
  const clients = []
  while (clients.length < count) {
    const some = []
    while (some.length < 50 && clients.length + some.length < count) {
      const place = clients.length + some.length
      some.push(new Client(url, action => onAction(place, action)))
    }
    await Promise.all(some.map(client => client.connected))
    clients.push(...some)
  }
  return clients
}

function wrong(text) {
  errors.push(text)
  abort()
}

function unexpected(place, action) {
  wrong(`${place} got ${JSON.stringify(action)}`)
}

function check() {
  if (errors.length > 0) {
    throw new Error(`${errors.length} errors:\n${errors.slice(0, 5).join('\n')}`)
  }
}

let sent = 0
let awaited = []
let delivered = () => {}

// Every subscriber gets every action once, in the order in which they were sent.
function receive(place, action) {
  if (action.type !== 'room/say' || action.text.number !== awaited[place]) {
    unexpected(place, action)
  }
  awaited[place] += 1
  delivered(action.text.number)
}

// How many actions each subscriber got.
function arrivedSince(first) {
  return awaited.map(number => number - first)
}

// One sender, and subscribers of one room.
export async function openRoom({ url, size }) {
  sender = (await connect(url, 1, unexpected))[0]
  subscribers = await connect(url, size, receive)
  awaited = subscribers.map(() => 0)
  await Promise.all(subscribers.map(client => client.subscribe(`rooms/${ROOM}`)))
  check()
  return { figure: 0, outcome: subscribers.length }
}

function say(processed) {
  sender.sync({ type: 'room/say', room: ROOM, text: { number: sent, says: 'Hello, room' } }, processed)
  sent += 1
}

// Sends actions to the room. One is in flight until its sender knows that it is processed and all
// subscribers have it; there are `window` in flight.
export async function fanOut({ actions, window }) {
  const first = sent
  const last = first + actions
  const missing = new Map()
  const start = performance.now()
  await new Promise(resolve => {
    abort = resolve
    let done = sent
    function arrived(which) {
      const left = missing.get(which) - 1
      if (left > 0) {
        missing.set(which, left)
        return
      }
      missing.delete(which)
      done += 1
      if (done === last) {
        resolve()
      } else if (sent < last) {
        next()
      }
    }
    function next() {
      const which = sent
      missing.set(which, subscribers.length + 1)
      say(() => arrived(which))
    }
    delivered = arrived
    for (let i = 0; i < window; i++) next()
  })
  const seconds = (performance.now() - start) / 1000
  check()
  return { figure: (actions * subscribers.length) / seconds, outcome: arrivedSince(first) }
}

// Sends actions to the room at a steady rate, whatever the server does; the figure is the time in
// milliseconds in which 99 of 100 reach a subscriber.
export async function talk({ perSecond, seconds }) {
  const times = []
  const latencies = []
  const first = sent
  const total = perSecond * seconds
  const start = performance.now()
  await new Promise(resolve => {
    abort = resolve
    let left = total * (subscribers.length + 1)
    function arrived() {
      left -= 1
      if (left === 0) resolve()
    }
    delivered = which => {
      latencies.push(performance.now() - times[which - first])
      arrived()
    }
    const timer = setInterval(() => {
      const due = Math.min(total, ((performance.now() - start) / 1000) * perSecond)
      while (sent - first < due) {
        times.push(performance.now())
        say(arrived)
      }
      if (sent - first === total) clearInterval(timer)
    }, 1000 / perSecond)
  })
  check()
  latencies.sort((a, b) => a - b)
  return { figure: latencies[Math.floor(latencies.length * 0.99)], outcome: arrivedSince(first) }
}

export async function openSender({ url }) {
  sender = (await connect(url, 1, unexpected))[0]
  check()
  return { figure: 0, outcome: 1 }
}

// Sends actions that nobody else gets, `window` at a time: actions per second.
export async function request({ actions, window }) {
  let left = actions
  let done = 0
  const start = performance.now()
  await new Promise(resolve => {
    abort = resolve
    function processed() {
      done += 1
      if (done === actions) {
        resolve()
      } else if (left > 0) {
        next()
      }
    }
    function next() {
      left -= 1
      sender.sync({ type: 'save', text: { number: left, says: 'Hello, server' } }, processed)
    }
    for (let i = 0; i < window; i++) next()
  })
  const seconds = (performance.now() - start) / 1000
  check()
  return { figure: actions / seconds, outcome: done }
}

// Sends one action after the other: the median of the milliseconds until it is processed.
export async function roundTrip({ actions }) {
  const times = []
  for (let i = 0; i < actions; i++) {
    const start = performance.now()
    await new Promise(resolve => {
      abort = resolve
      sender.sync({ type: 'save', text: { number: i, says: 'Hello, server' } }, resolve)
    })
    if (errors.length > 0) break
    times.push(performance.now() - start)
  }
  check()
  times.sort((a, b) => a - b)
  return { figure: times[times.length >> 1], outcome: times.length }
}

// More connections that do nothing.
export async function openIdle({ url, count }) {
  idle.push(...(await connect(url, count, unexpected)))
  check()
  return { figure: 0, outcome: idle.length }
}

// Connects, subscribes and disconnects, many times, some at once.
export async function cycle({ url, count, atOnce }) {
  const start = performance.now()
  let left = count
  async function work() {
    while (left > 0) {
      left -= 1
      const client = new Client(url, action => unexpected(0, action))
      await client.connected
      await client.subscribe(`rooms/${ROOM}`)
      await client.close()
    }
  }
  const failed = new Promise(resolve => {
    abort = resolve
  })
  await Promise.race([failed, Promise.all(Array.from({ length: atOnce }, work))])
  check()
  return { figure: (count * 1000) / (performance.now() - start), outcome: count }
}

export async function close() {
  const all = [sender, ...subscribers, ...idle].filter(client => client)
  await Promise.all(all.map(client => client.close()))
  sender = undefined
  subscribers = []
  idle = []
  check()
  return { figure: 0, outcome: all.length }
}
