// Reaches the ACME server through its Service and verifies its certificate for the host of the base URL, which may be that of
// an Ingress. Arguments: host:port of the Service, base URL, paths of directories.
import { get } from 'node:https'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'

const [service, base, ...directories] = process.argv.slice(1)
const { hostname: serviceHost, port } = new URL(`https://${service}`)
const { host } = new URL(base)
const hostname = new URL(base).hostname.replace(/^\[|\]$/g, '')
const deadline = performance.now() + 90_000

for (const path of ['/ready', ...directories]) await untilAnswered(path)

async function untilAnswered(path) {
  for (;;) {
    const outcome = await ask(path).catch((error) => ({ good: false, said: error.message }))
    if (outcome.good) return process.stdout.write(`${base}${path}: ${outcome.said}\n`)
    if (performance.now() > deadline) {
      process.stderr.write(`${base}${path}: ${outcome.said}\n`)
      process.exit(1)
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
}

async function ask(path) {
  const { status, body } = await read(path)
  if (status !== 200) return { good: false, said: `${status} ${body}` }
  if (path === '/ready') return { good: true, said: 'ready' }
  const { newOrder } = JSON.parse(body)
  return { good: newOrder?.startsWith(`${base}/`) === true, said: `newOrder is ${newOrder}` }
}

function read(path) {
  return new Promise((resolve, reject) => {
    const options = {
      host: serviceHost,
      port: port || 443,
      path,
      headers: { host },
      servername: isIP(hostname) === 0 ? hostname : '',
      checkServerIdentity: (_, certificate) => checkServerIdentity(hostname, certificate),
      signal: AbortSignal.timeout(5_000),
    }
    const request = get(options, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text) => (body += text))
      response.on('end', () => resolve({ status: response.statusCode, body }))
      response.on('error', reject)
    })
    request.on('error', reject)
  })
}
