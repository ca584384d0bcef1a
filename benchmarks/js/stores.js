// The stores of @logux/redux, over a client that is connected to nothing or to a server that does
// not exist: the peers of ../stores.py and of the benchmarks that use it.

import { Client } from '@logux/client'
import { createStoreCreator } from '@logux/redux'
import { createNanoEvents } from 'nanoevents'
import { combineReducers } from 'redux'

// Every history begins here; its actions are a second apart.
const START = 1700000000000
const SECOND = 1000

const KEYS = Array.from({ length: 16 }, (_, i) => `key${i}`)

// Counts actions, and sets one of 16 keys.
function setKey(state = {}, action) {
  if (action.type !== 'set') return state
  return { ...state, count: state.count + 1, [action.key]: action.value }
}

// Only counts actions.
function count(state = 0, action) {
  return action.type === 'set' ? state + 1 : state
}

// One slice of 16 for each key.
function slice(key) {
  return (state = { count: 0, value: null }, action) => {
    if (action.type !== 'set' || action.key !== key) return state
    return { count: state.count + 1, value: action.value }
  }
}

const REDUCERS = {
  keys: {
    reducer: setKey,
    state: Object.fromEntries([['count', 0], ...KEYS.map(key => [key, null])])
  },
  count: { reducer: count, state: 0 },
  slices: {
    reducer: combineReducers(Object.fromEntries(KEYS.map(key => [key, slice(key)]))),
    state: undefined
  }
}

function set(i) {
  return { type: 'set', key: KEYS[i % 16], value: i }
}

// A connection whose other end says what the test wants, at once.
class Connection {
  constructor() {
    this.connected = false
    this.emitter = createNanoEvents()
    this.answered = () => {}
  }

  on(event, listener) {
    return this.emitter.on(event, listener)
  }

  connect() {
    this.connected = true
    this.emitter.emit('connecting')
    this.emitter.emit('connect')
    return Promise.resolve()
  }

  send(message) {
    if (message[0] === 'connect') {
      const ms = Date.now()
      this.receive(['connected', message[1], 'server:x', [ms, ms], {}])
    } else if (message[0] === 'synced') {
      this.answered()
    }
  }

  receive(message) {
    this.emitter.emit('message', message)
  }

  disconnect() {
    this.connected = false
  }

  destroy() {
    this.connected = false
  }
}

async function open(reducer, history) {
  const client = new Client({ server: new Connection(), subprotocol: 1, userId: '10' })
  const create = createStoreCreator(client, { reasonlessHistory: history })
  const store = create(REDUCERS[reducer].reducer, REDUCERS[reducer].state)
  await store.initialize
  return store
}

// The meta of another node's action, so many seconds after the start.
function at(seconds, n = 0) {
  const time = START + seconds * SECOND
  return { id: `${time} 20:a:b ${n}`, time }
}

async function fill(store, places) {
  for (const place of places) {
    await store.dispatch.crossTab(set(place), at(place))
  }
}

// As in Python.
function range(first, end, step = 1) {
  return Array.from({ length: Math.ceil((end - first) / step) }, (_, i) => first + i * step)
}

// Resolves when so many actions are in the state.
function changes(store, number) {
  return new Promise(resolve => {
    let left = number
    const unbind = store.on('change', () => {
      left -= 1
      if (left === 0) {
        unbind()
        resolve()
      }
    })
  })
}

// Dispatches, so many at once before other work gets its turn: actions a second.
export async function dispatch({ kind, actions, history, atOnce }) {
  const store = await open('keys', history)
  const dispatch = kind === 'plain' ? store.dispatch : store.dispatch.crossTab
  for (let i = 0; i < history + 100; i++) await dispatch(set(i))
  const start = performance.now()
  if (atOnce === 1) {
    for (let i = 0; i < actions; i++) await dispatch(set(i))
  } else {
    for (let i = 0; i < actions; i++) {
      dispatch(set(i))
      if (i % atOnce === atOnce - 1) await new Promise(setImmediate)
    }
    await new Promise(setImmediate)
  }
  const seconds = (performance.now() - start) / 1000
  return { figure: actions / seconds, outcome: store.getState() }
}

// Actions that belong so many places before the end, in several stores: microseconds for each.
export async function lateInsert({ reducer, history, back, actions, stores }) {
  let ms = 0
  let outcome
  for (let n = 0; n < stores; n++) {
    const store = await open(reducer, 2 * history)
    await fill(store, range(0, history))
    const start = performance.now()
    for (let i = 0; i < actions; i++) {
      const changed = changes(store, 1)
      store.dispatch.crossTab({ type: 'set', key: 'key0', value: -i }, at(history - back - 0.5, i))
      await changed
    }
    ms += performance.now() - start
    outcome = store.getState()
  }
  return { figure: (ms * 1000) / (actions * stores), outcome }
}

// Undoes actions that are so many places before the end, in several stores: microseconds for each.
export async function undo({ reducer, history, back, actions, stores }) {
  let ms = 0
  let outcome
  for (let n = 0; n < stores; n++) {
    const store = await open(reducer, 2 * history)
    await fill(store, range(0, history))
    const start = performance.now()
    for (let i = 0; i < actions; i++) {
      const changed = changes(store, 1)
      const id = at(history - 1 - back - i).id
      store.log.add({ type: 'logux/undo', id, reason: 'error' })
      await changed
    }
    ms += performance.now() - start
    outcome = store.getState()
  }
  return { figure: (ms * 1000) / (actions * stores), outcome }
}

// One sync with many actions to a client that has some itself, several times: milliseconds for each.
export async function receive({ stores, ...work }) {
  let ms = 0
  let outcome
  for (let n = 0; n < stores; n++) {
    const run = await receiveOnce(work)
    ms += run.ms
    outcome = run.outcome
  }
  return { figure: ms / stores, outcome }
}

async function receiveOnce({ reducer, local, received, history }) {
  const store = await open(reducer, history)
  await fill(store, range(...local))
  store.client.start()
  await store.client.node.waitFor('synchronized')
  const places = range(...received)
  const message = ['sync', places.length]
  for (const place of places) {
    const ms = START + place * SECOND - store.client.node.baseTime
    message.push(set(place), { id: [ms, '20:a:b', 0], time: ms })
  }
  const connection = store.client.node.connection
  const answered = new Promise(resolve => {
    connection.answered = resolve
  })
  const changed = changes(store, places.length)
  const start = performance.now()
  connection.receive(message)
  await Promise.all([answered, changed])
  return { ms: performance.now() - start, outcome: store.getState() }
}
