// The page: state is folded from the log by @logux/client's events, and shown as a list.
import { CrossTabClient, status } from '@logux/client'

const name = new URLSearchParams(location.search).get('name') || 'ann'
const answer = await fetch(`/api/token?name=${encodeURIComponent(name)}`, { method: 'POST' })
const { token } = await answer.json()

const client = new CrossTabClient({
  server: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/logux/`,
  subprotocol: 1,
  userId: name,
  token
})

const notes = new Map()

function show() {
  const list = document.getElementById('notes')
  list.replaceChildren(
    ...[...notes.values()]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(note => {
        const item = document.createElement('li')
        const text = document.createElement('span')
        const author = document.createElement('small')
        const remove = document.createElement('button')
        text.textContent = note.text
        author.textContent = note.author
        remove.textContent = '×'
        remove.addEventListener('click', () => send({ type: 'notes/remove', id: note.id }))
        item.append(text, author, remove)
        return item
      })
  )
}

function send(action) {
  client.sync(action).catch(error => {
    document.getElementById('status').textContent = error.message
  })
}

client.type('notes/write', (action, meta) => {
  const known = notes.get(action.id)
  if (!known || known.time <= meta.time) {
    notes.set(action.id, { ...action, time: meta.time })
    show()
  }
})

client.type('notes/remove', action => {
  notes.delete(action.id)
  show()
})

// An undone action: what it did is taken back.
client.type('logux/undo', undo => {
  if (undo.action?.type === 'notes/remove') client.sync({ type: 'logux/subscribe', channel: 'notes' })
  if (undo.action?.type === 'notes/write') {
    notes.delete(undo.action.id)
    show()
  }
})

status(client, value => {
  document.getElementById('status').textContent = value
})

document.getElementById('user').textContent = name
document.getElementById('new').addEventListener('submit', event => {
  event.preventDefault()
  const text = event.target.elements.text.value.trim()
  if (text) send({ type: 'notes/write', id: client.log.generateId(), author: name, text })
  event.target.reset()
})

client.start()
client.sync({ type: 'logux/subscribe', channel: 'notes' })
