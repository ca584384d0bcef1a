// Clients and stores that speak with whatever server the tests name.
import { Client, CrossTabClient, encryptActions, request } from '@logux/client'
import { createStoreCreator } from '@logux/redux'
import { isDeepStrictEqual } from 'node:util'

import { reducer } from './reducer.js'

export let peers = {}

// Resolves with what `check` gives, once it gives something, looking again at each event.
export function until(peer, check) {
  return new Promise(resolve => {
    function look() {
      let result = check()
      if (result !== undefined) {
        peer.waiting.delete(look)
        resolve(result)
      }
    }
    peer.waiting.add(look)
    look()
  })
}

function fits(value, part) {
  return Object.keys(part).every(key => isDeepStrictEqual(value[key], part[key]))
}

// Lets all who wait look again.
export function look(peer) {
  for (let check of [...peer.waiting]) check()
}

async function outcome(promise) {
  try {
    await promise
    return 'processed'
  } catch (error) {
    if (error.name !== 'LoguxUndoError') throw error
    return error.action.reason
  }
}

export let calls = {
  async connect({ name }) {
    peers[name].client.node.connection.connect()
  },

  async destroy({ name }) {
    peers[name].client.destroy()
  },

  async disconnect({ name }) {
    peers[name].client.node.connection.disconnect()
  },

  async error({ name }) {
    let peer = peers[name]
    return until(peer, () => peer.errors.shift())
  },

  // Waits until the client has given up to connect.
  async gaveUp({ name }) {
    let peer = peers[name]
    await until(peer, () => !peer.client.node.connection.reconnecting || undefined)
  },

  async heard({ action, name }) {
    let peer = peers[name]
    return until(peer, () => peer.heard.find(([i]) => fits(i, action)))
  },

  async open({ cross, fixTime, headers, key, name, tokens, ...options }) {
    if (tokens) options.token = async () => tokens.shift()
    let client = new (cross ? CrossTabClient : Client)(options)
    let store = createStoreCreator(client)(reducer)
    let peer = { client, errors: [], heard: [], outcomes: {}, store, waiting: new Set() }
    peers[name] = peer
    if (fixTime === false) client.node.options.fixTime = false
    if (headers) client.node.setLocalHeaders(headers)
    if (key) encryptActions(client, key, { ignore: ['logux/subscribe'] })
    client.node.catch(error => {
      peer.errors.push(error.type ?? error.message)
      look(peer)
    })
    client.on('state', () => look(peer))
    client.on('add', (action, meta) => {
      peer.heard.push([action, { ...meta }])
      look(peer)
    })
    store.on('change', () => look(peer))
    return { clientId: client.clientId, nodeId: client.nodeId }
  },

  async outcome({ id, name }) {
    return peers[name].outcomes[id]
  },

  async request({ action, options }) {
    try {
      return await request(action, options)
    } catch (error) {
      return { failed: error.action?.reason ?? error.type ?? error.message }
    }
  },

  async start({ name }) {
    peers[name].client.start()
  },

  async state({ name }) {
    return peers[name].store.getState()
  },

  async sync({ action, meta, name }) {
    let peer = peers[name]
    let id = meta.id ?? peer.client.log.generateId()
    peer.outcomes[id] = outcome(peer.store.dispatch.sync(action, { ...meta, id }))
    return id
  },

  async until({ name, state }) {
    let peer = peers[name]
    await until(peer, () => isDeepStrictEqual(peer.store.getState(), state) || undefined)
  },

  async wait({ name, state }) {
    let peer = peers[name]
    await until(peer, () => peer.client.state === state || undefined)
  }
}
