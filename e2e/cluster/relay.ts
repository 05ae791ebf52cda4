import { connect, createServer, type Socket } from 'node:net'

/** A TCP port that leads to a unix socket, and can keep answers from the clients. */
export class Relay implements AsyncDisposable {
  readonly #server = createServer((socket) => this.#forward(socket))
  readonly #target: string
  readonly #sockets = new Set<Socket>()
  /** What a client says that nobody is answered after. */
  #lastWords: string | undefined
  #held: { readonly client: Socket; readonly chunk: Buffer }[] | undefined

  private constructor(target: string) {
    this.#target = target
  }

  static async open({ address, port, target }: { address: string; port: number; target: string }): Promise<Relay> {
    const relay = new Relay(target)
    await new Promise<void>((resolve, reject) => {
      relay.#server.once('error', reject).listen(port, address, resolve)
    })
    return relay
  }

  /** Once a client has sent something with this text, no client is answered any more. */
  holdAnswersTo(text: string): void {
    this.#lastWords = text
  }

  /** Whether an answer has been held back. */
  get isHolding(): boolean {
    return (this.#held?.length ?? 0) > 0
  }

  /** What was held back goes on its way. */
  release(): void {
    this.#lastWords = undefined
    for (const { client, chunk } of this.#held ?? []) client.write(chunk)
    this.#held = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #forward(client: Socket): void {
    const target = connect(this.#target)
    this.#sockets.add(client)
    client.on('data', (chunk: Buffer) => {
      if (this.#lastWords !== undefined && chunk.includes(this.#lastWords)) this.#held ??= []
      target.write(chunk)
    })
    target.on('data', (chunk: Buffer) => {
      if (this.#held === undefined) client.write(chunk)
      else this.#held.push({ client, chunk })
    })
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
    }
    client.on('close', () => this.#sockets.delete(client))
  }
}
