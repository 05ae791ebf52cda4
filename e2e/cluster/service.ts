import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { callHttp } from '../harness/http-client.ts'

/** A replica as a Service sees it. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

const probeMilliseconds = 250
const probeTimeoutMilliseconds = 1000

/**
 * Plays a Service and the kubelet's readiness probes: connections go in turn to the endpoints whose /ready answers 200,
 * and are broken off where there is none.
 */
export class LoadBalancer implements AsyncDisposable {
  readonly #server = createServer((socket) => this.#forward(socket))
  readonly #endpoints: () => readonly Endpoint[]
  #ready: readonly Endpoint[] = []
  #next = 0
  #isOpen = true
  #probing: Promise<void> = Promise.resolve()

  private constructor(endpoints: () => readonly Endpoint[]) {
    this.#endpoints = endpoints
  }

  /** Listens on port 443 of the address. `endpoints` is asked again and again. */
  static async open(address: string, endpoints: () => readonly Endpoint[]): Promise<LoadBalancer> {
    const balancer = new LoadBalancer(endpoints)
    await new Promise<void>((resolve, reject) => {
      balancer.#server.once('error', reject).listen(443, address, resolve)
    })
    balancer.#probing = balancer.#probe()
    return balancer
  }

  /** How many endpoints were ready when last asked. */
  get readyCount(): number {
    return this.#ready.length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false
    this.#server.close()
    await this.#probing
  }

  async #probe(): Promise<void> {
    while (this.#isOpen) {
      const endpoints = this.#endpoints()
      const verdicts = await Promise.all(endpoints.map(isReady))
      this.#ready = endpoints.filter((_, index) => verdicts[index] === true)
      await sleep(probeMilliseconds)
    }
  }

  #forward(socket: Socket): void {
    const endpoint = this.#ready[this.#next++ % Math.max(this.#ready.length, 1)]
    if (endpoint === undefined) {
      socket.destroy()
      return
    }
    const replica = connect(endpoint.port, endpoint.address)
    socket.pipe(replica).pipe(socket)
    for (const [one, other] of [
      [socket, replica],
      [replica, socket],
    ] as const) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
    }
  }
}

async function isReady({ address, port }: Endpoint): Promise<boolean> {
  try {
    const call = { insecure: true, timeoutMilliseconds: probeTimeoutMilliseconds }
    return (await callHttp(`https://${address}:${port}/ready`, call)).status === 200
  } catch {
    return false
  }
}
