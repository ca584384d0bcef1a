// @logux/server in a process of its own: the peer of ../serve.py, with the same application. The
// first line of output is the port; each line of input asks for a garbage collection, and is
// answered by a line; the end of input ends the server.

import { BaseServer } from '@logux/server'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'

const http = createServer()
await new Promise(resolve => http.listen(0, '127.0.0.1', resolve))

// Without a reporter, as the other server has nobody who listens to its logger.
const server = new BaseServer({ minSubprotocol: 1, server: http, subprotocol: 1 })

function fail(error) {
  process.stderr.write(`${error.stack}\n`)
  process.exit(1)
}
for (const event of ['error', 'clientError', 'fatal']) server.on(event, fail)

server.auth(() => true)
server.type('room/say', {
  access: () => true,
  resend: (ctx, action) => `rooms/${action.room}`
})
server.type('save', {
  access: () => true,
  process() {}
})
server.channel('rooms/:id', { access: () => true })

await server.listen()
process.stdout.write(`${http.address().port}\n`)

createInterface({ input: process.stdin })
  .on('line', () => {
    globalThis.gc()
    process.stdout.write('collected\n')
  })
  .on('close', () => process.exit(0))
