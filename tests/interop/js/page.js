// A page with a client that shares its connection with the other tabs, and a store.
import { CrossTabClient } from '@logux/client'
import { createStoreCreator } from '@logux/redux'

import { reducer } from './reducer.js'

let client = new CrossTabClient({
  minDelay: 10,
  server: `ws://${location.host}`,
  subprotocol: 1,
  token: 'secret',
  userId: 'ann'
})
let store = createStoreCreator(client)(reducer)
client.start()

window.client = client
window.store = store
window.sync = async (action, meta) => {
  await store.dispatch.sync(action, meta)
}
