// Plays scenarios on a store of @logux/redux; see ../scenarios.py for what they are made of.
import { Client } from '@logux/client'
import { LocalPair, MemoryStore } from '@logux/core'
import { createStoreCreator } from '@logux/redux'

import { reducer } from './reducer.js'

let now = 0
let realNow = Date.now

function shouting(state, action) {
  return reducer(state, action.text ? { ...action, text: action.text + '!' } : action)
}

class Tab {
  constructor(scenario, store, tabId) {
    let connection = new LocalPair().left
    let client = new Client({ server: connection, store, subprotocol: 1, userId: '10' })
    // The same ids as those of the other store, since they decide the order.
    client.tabId = tabId
    client.clientId = '10:client'
    client.nodeId = client.log.nodeId = client.node.localNodeId = `10:client:${tabId}`
    this.client = client
    this.added = this.changed = 0
    this.missed = []
    client.on('add', (action, meta) => {
      if (!meta.dispatch) this.added += 1
    })
    this.store = createStoreCreator(client, {
      onMissedHistory: action => this.missed.push(action),
      reasonlessHistory: scenario.reasonlessHistory,
      saveStateEvery: scenario.saveStateEvery
    })(reducer)
    this.store.on('change', (state, prev, action, meta) => {
      if (!meta.dispatch) this.changed += 1
    })
  }

  async settle() {
    do {
      await new Promise(resolve => setImmediate(resolve))
    } while (this.added > this.changed)
  }

  play(step) {
    let { dispatch } = this.store
    if (step.op === 'dispatch') {
      now = step.now
      dispatch(step.action)
    } else if (step.op === 'replaceReducer') {
      this.store.replaceReducer(shouting)
    } else if (step.op === 'receive') {
      for (let [action, meta] of step.entries) this.client.log.add(action, { ...meta })
    } else {
      // A rejection is only the undo, which the state shows.
      dispatch[step.op](step.action, { ...step.meta }).catch(() => {})
    }
  }
}

async function run(scenario) {
  Date.now = () => now
  try {
    let memory = new MemoryStore()
    let tab = new Tab(scenario, memory, 'tab1')
    for (let step of scenario.steps) {
      tab.play(step)
      await tab.settle()
    }
    let again = new Tab(scenario, memory, 'tab2')
    await again.store.initialize
    return {
      missed: tab.missed,
      reloaded: again.store.getState(),
      state: tab.store.getState()
    }
  } finally {
    Date.now = realNow
  }
}

export let calls = {
  async run({ scenarios }) {
    let results = []
    for (let scenario of scenarios) results.push(await run(scenario))
    return results
  }
}
