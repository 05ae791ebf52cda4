import { setTimeout as sleep } from 'node:timers/promises'
import { AcmeClient } from '../../acme/testing/acme-client.ts'
import { csrFor } from '../../acme/testing/csr.ts'
import { createTransport, type Transport } from '../../acme/testing/http.ts'

/** Where certificates come from, and what for. */
export interface LoadTarget {
  readonly directoryUrl: string
  /** What the listener's certificate must come from. */
  readonly rootPem: string
  /** Each certificate is for a name directly below it. */
  readonly domain: string
}

/** How it went. */
export interface LoadReport {
  readonly issued: number
  /** Certificates that nobody got within a minute, with what was wrong last. */
  readonly failed: readonly string[]
  /** Attempts and look-ups that came to nothing: seconds since the load began, and what was wrong. */
  readonly disturbances: readonly string[]
  readonly slowestSeconds: number
  /** How often the directory was read, each time on a new connection. */
  readonly lookUps: number
}

/** A new connection begins so often beside those of the clients: what refuses connections does so for moments. */
const lookUpMilliseconds = 100
const clientCount = 3
/** Each client begins a certificate so often, unless the last one takes longer. */
const periodMilliseconds = 800
const patienceMilliseconds = 60_000
const retryMilliseconds = 300
const pollMilliseconds = 100
const requestMilliseconds = 15_000

/**
 * Clients that go on ordering certificates while something happens. The first keeps its connections, the others make new
 * ones for each certificate. An attempt that meets anything unexpected is a disturbance and is made again.
 */
export class Load {
  readonly #target: LoadTarget
  readonly #begun = performance.now()
  readonly #failed: string[] = []
  readonly #disturbances: string[] = []
  #issued = 0
  #lookUps = 0
  #slowestSeconds = 0
  #isOver = false

  private constructor(target: LoadTarget) {
    this.#target = target
  }

  /** Keeps clients busy from before `action` until after it, and reports. What `action` throws is thrown. */
  static async during(target: LoadTarget, action: () => Promise<void>): Promise<LoadReport> {
    const load = new Load(target)
    const shoppers = await Promise.all(Array.from({ length: clientCount }, (_, index) => load.#register(index)))
    const running = Promise.all([...shoppers.map((shopper) => load.#shop(shopper)), load.#lookUp()])
    // Some certificates before it begins, and some after it has ended.
    await sleep(2 * periodMilliseconds)
    try {
      await action()
      await sleep(2 * periodMilliseconds)
    } finally {
      load.#isOver = true
      await running
    }
    return {
      issued: load.#issued,
      failed: load.#failed,
      disturbances: load.#disturbances,
      slowestSeconds: load.#slowestSeconds,
      lookUps: load.#lookUps,
    }
  }

  async #register(index: number): Promise<Shopper> {
    const transport = bounded(createTransport({ rootPem: this.#target.rootPem }))
    const client = await AcmeClient.connect({ directoryUrl: this.#target.directoryUrl, transport, badNonceRetries: 3 })
    const { body } = await client.newAccount()
    if (body.status !== 'valid') throw new Error(`a new account is ${body.status}`)
    return { client, keepsConnections: index === 0 }
  }

  async #shop(shopper: Shopper): Promise<void> {
    while (!this.#isOver) {
      const begun = performance.now()
      await this.#obtain(shopper)
      await sleep(Math.max(0, begun + periodMilliseconds - performance.now()))
    }
    shopper.client.close()
  }

  /** Reads the directory again and again; one answer is not waited for before the next question. */
  async #lookUp(): Promise<void> {
    const { rootPem, directoryUrl } = this.#target
    const asked: Promise<void>[] = []
    while (!this.#isOver) {
      const transport = bounded(createTransport({ rootPem }))
      const answer = transport.send({ method: 'GET', url: directoryUrl })
      asked.push(
        answer
          .then(({ status }) => (status === 200 ? this.#lookUps++ : this.#disturbed(`GET directory: ${status}`)))
          .catch((error: unknown) => this.#disturbed(`GET directory: ${describe(error)}`))
          .then(() => transport.close()),
      )
      await sleep(lookUpMilliseconds)
    }
    await Promise.all(asked)
  }

  #disturbed(said: string): void {
    this.#disturbances.push(`${((performance.now() - this.#begun) / 1000).toFixed(1)} s: ${said}`)
  }

  async #obtain({ client, keepsConnections }: Shopper): Promise<void> {
    const begun = performance.now()
    const name = `load-${crypto.randomUUID()}.${this.#target.domain}`
    for (;;) {
      try {
        await obtainCertificate(client, name)
        this.#issued++
        this.#slowestSeconds = Math.max(this.#slowestSeconds, (performance.now() - begun) / 1000)
        return
      } catch (error) {
        const said = describe(error)
        this.#disturbed(said)
        if (performance.now() - begun > patienceMilliseconds) {
          this.#failed.push(`${name}: ${said}`)
          return
        }
        await sleep(retryMilliseconds)
      } finally {
        if (!keepsConnections) client.close()
      }
    }
  }
}

interface Shopper {
  readonly client: AcmeClient
  readonly keepsConnections: boolean
}

/** One certificate, or what was wrong. */
async function obtainCertificate(client: AcmeClient, name: string): Promise<void> {
  const csr = csrFor([name]).der
  const created = await client.newOrder([name])
  let { body: order } = await client.finalize(created.body, csr)
  while (order.status === 'processing') {
    await sleep(pollMilliseconds)
    order = (await client.order(created.location)).body
  }
  if (order.certificate === undefined) throw new Error(`the order is ${JSON.stringify(order)}`)
  const { body: chain } = await client.certificate(order.certificate)
  if (!chain.startsWith('-----BEGIN CERTIFICATE-----')) throw new Error(`no chain: ${chain.slice(0, 100)}`)
}

/** A request that is never answered is a disturbance like any other. */
function bounded(transport: Transport): Transport {
  return {
    async send(request) {
      const { promise, reject } = Promise.withResolvers<never>()
      const timer = setTimeout(() => {
        reject(new Error(`no answer to ${request.method} ${request.url} in ${requestMilliseconds / 1000} s`))
      }, requestMilliseconds)
      try {
        return await Promise.race([transport.send(request), promise])
      } finally {
        clearTimeout(timer)
      }
    },
    close: () => transport.close(),
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const inner = error instanceof AggregateError ? error.errors.map(describe).join(', ') : ''
  return `${error.message}${inner}`.slice(0, 300)
}
