// The same state as in ../reducer.py. Each part depends on the order of actions.
const EMPTY = { lines: [], number: 1, values: {} }

export function reducer(state = EMPTY, action) {
  switch (action.type) {
    case 'room/append':
      return { ...state, lines: [...state.lines, action.text] }
    case 'room/set':
      return { ...state, values: { ...state.values, [action.key]: action.value } }
    case 'room/calc':
      return { ...state, number: (state.number * action.by + action.plus) % 1000003 }
    default:
      return state
  }
}
