// Reaches the ACME server by its Service's name, verifying its certificate. Arguments: base URL, paths of directories.
const [base, ...directories] = process.argv.slice(1)
const deadline = performance.now() + 90_000

for (const path of ['/ready', ...directories]) await untilAnswered(path)

async function untilAnswered(path) {
  for (;;) {
    const outcome = await ask(path)
    if (outcome.good) return process.stdout.write(`${base}${path}: ${outcome.said}\n`)
    if (performance.now() > deadline) {
      process.stderr.write(`${base}${path}: ${outcome.said}\n`)
      process.exit(1)
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
}

async function ask(path) {
  try {
    const response = await fetch(`${base}${path}`, { signal: AbortSignal.timeout(5_000) })
    if (response.status !== 200) return { good: false, said: `${response.status} ${await response.text()}` }
    if (path === '/ready') return { good: true, said: 'ready' }
    const { newOrder } = await response.json()
    return { good: newOrder?.startsWith(`${base}/`) === true, said: `newOrder is ${newOrder}` }
  } catch (error) {
    return { good: false, said: `${error.message} ${error.cause?.message ?? ''}` }
  }
}
