// The log of @logux/core, filled from empty.

import { Log, MemoryStore } from '@logux/core'

export async function fill({ size, logs }) {
  let kept = 0
  let ms = 0
  for (let n = 0; n < logs; n++) {
    const log = new Log({ nodeId: '10:a:b', store: new MemoryStore() })
    const start = performance.now()
    for (let i = 0; i < size; i++) {
      await log.add({ type: 'add', value: i }, { reasons: ['kept'] })
    }
    ms += performance.now() - start
    kept += log.store.entries.length
  }
  return { figure: (logs * size * 1000) / ms, outcome: kept }
}
