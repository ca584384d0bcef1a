// Runs functions of the module that it is told, one at a time: a line of standard input is
// [function, arguments], the line of standard output that answers it {figure, outcome}.

import { createInterface } from 'node:readline'

const functions = await import(`./${process.argv[2]}.js`)

for await (const line of createInterface({ input: process.stdin })) {
  const [name, args] = JSON.parse(line)
  globalThis.gc()
  const { figure, outcome } = await functions[name](args)
  process.stdout.write(JSON.stringify({ figure, outcome }) + '\n')
}
