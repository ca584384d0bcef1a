// Sync maps of @logux/client, for the clients that client.js has opened.
import {
  changeSyncMapById,
  createFilter,
  createSyncMap,
  deleteSyncMapById,
  syncMapTemplate
} from '@logux/client'
import { isDeepStrictEqual } from 'node:util'

import { look, peers, until } from './client.js'

function template(peer) {
  peer.template ??= syncMapTemplate('tasks')
  return peer.template
}

async function outcome(promise) {
  try {
    await promise
    return 'processed'
  } catch (error) {
    return error.action?.reason ?? error.message
  }
}

export let calls = {
  async change({ fields, id, name }) {
    let peer = peers[name]
    return outcome(changeSyncMapById(peer.client, template(peer), id, fields))
  },

  async create({ fields, id, name }) {
    let peer = peers[name]
    return outcome(createSyncMap(peer.client, template(peer), { id, ...fields }))
  },

  async delete({ id, name }) {
    let peer = peers[name]
    return outcome(deleteSyncMapById(peer.client, template(peer), id))
  },

  // Subscribes to the maps with these fields; they stay loaded.
  async filter({ fields, name }) {
    let peer = peers[name]
    peer.filter = createFilter(peer.client, template(peer), fields)
    peer.filter.listen(() => look(peer))
    return outcome(peer.filter.loading)
  },

  // Subscribes to one map, which stays loaded.
  async load({ id, name }) {
    let peer = peers[name]
    let store = template(peer)(id, peer.client)
    store.listen(() => look(peer))
    return outcome(store.loading)
  },

  async map({ id, name }) {
    return template(peers[name])(id).get()
  },

  async untilListed({ ids, name }) {
    let peer = peers[name]
    await until(peer, () => {
      let listed = peer.filter.get().list.map(i => i.id).sort()
      return isDeepStrictEqual(listed, ids) || undefined
    })
  },

  async untilMap({ id, name, value }) {
    let peer = peers[name]
    await until(peer, () => isDeepStrictEqual(template(peer)(id).get(), value) || undefined)
  }
}
