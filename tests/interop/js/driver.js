// Does in JavaScript what the tests ask for: one call per line of standard input, as JSON, one
// answer per line of standard output. It ends with its standard input, so it never outlives a test.
import { createInterface } from 'node:readline'

function answer(message) {
  process.stdout.write(JSON.stringify(message) + '\n')
}

async function call({ args, id, name }) {
  try {
    let [module, method] = name.split('.')
    let { calls } = await import(`./${module}.js`)
    answer({ id, result: (await calls[method](args)) ?? null })
  } catch (error) {
    answer({ error: error.stack ?? String(error), id })
  }
}

let lines = createInterface({ input: process.stdin })
lines.on('line', line => call(JSON.parse(line)))
lines.on('close', () => process.exit(0))
