// Bare nodes of @logux/core, on either end of a WebSocket.
import {
  ClientNode,
  Log,
  MemoryStore,
  Reconnect,
  ServerConnection,
  ServerNode,
  WsConnection
} from '@logux/core'
import { WebSocketServer } from 'ws'

import { look, peers, until } from './client.js'

let servers = []

function keep(name, node) {
  let peer = { errors: [], heard: [], node, waiting: new Set() }
  peers[name] = peer
  node.log.on('preadd', (action, meta) => {
    meta.reasons.push('test')
  })
  node.log.on('add', (action, meta) => {
    peer.heard.push([action, { ...meta }])
    look(peer)
  })
  node.on('state', () => look(peer))
  node.on('headers', () => look(peer))
  node.on('debug', (type, text) => {
    peer.errors.push(`${type}: ${text}`)
    look(peer)
  })
  node.on('clientError', error => {
    peer.errors.push(`sent ${error.type}`)
    look(peer)
  })
  node.catch(error => {
    peer.errors.push(error.type ?? error.message)
    look(peer)
  })
}

function newLog(nodeId) {
  return new Log({ nodeId, store: new MemoryStore() })
}

export let calls = {
  async add({ action, meta, name }) {
    return (await peers[name].node.log.add(action, { ...meta })).id
  },

  async connect({ name, nodeId, server, ...options }) {
    let connection = new Reconnect(new WsConnection(server), { minDelay: 10 })
    let onSend = async (action, { id, time }) => [action, { id, time }]
    let node = new ClientNode(nodeId, newLog(nodeId), connection, { ...options, onSend })
    keep(name, node)
    connection.connect()
  },

  async debug({ name, text }) {
    peers[name].node.sendDebug('error', text)
  },

  async destroy({ name }) {
    peers[name].node.destroy()
  },

  async headers({ name }) {
    return until(peers[name], () => {
      let headers = peers[name].node.remoteHeaders
      return Object.keys(headers).length > 0 ? headers : undefined
    })
  },

  // Listens, and gives the port; each connection becomes the node with this name.
  async serve({ name, nodeId, token, ...options }) {
    let server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    servers.push(server)
    let log = newLog(nodeId)
    server.on('connection', ws => {
      let node = new ServerNode(nodeId, log, new ServerConnection(ws), {
        ...options,
        auth: async (id, given) => given === token
      })
      node.setLocalHeaders({ from: nodeId })
      keep(name, node)
    })
    await new Promise(resolve => server.on('listening', resolve))
    return server.address().port
  },

  async wait({ name, state }) {
    await until(peers[name], () => peers[name].node.state === state || undefined)
  }
}
