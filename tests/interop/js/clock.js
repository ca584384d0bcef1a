// Sets the clock of this process.
let real = Date.now

export let calls = {
  async set({ skew }) {
    Date.now = () => real() + skew
  }
}
