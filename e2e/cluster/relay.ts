import { connect, createServer, type Socket } from 'node:net'

/** A TCP port that leads to a unix socket, and can hold back what clients send. */
export class Relay implements AsyncDisposable {
  readonly #server = createServer((socket) => this.#forward(socket))
  readonly #target: string
  readonly #sockets = new Set<Socket>()
  #held: { readonly target: Socket; readonly chunk: Buffer }[] | undefined

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

  /** From now on nothing that clients send gets through. */
  hold(): void {
    this.#held ??= []
  }

  /** Whether something with this text has been held back. */
  holds(text: string): boolean {
    return this.#held?.some(({ chunk }) => chunk.includes(text)) ?? false
  }

  /** What was held back goes on its way. */
  release(): void {
    for (const { target, chunk } of this.#held ?? []) target.write(chunk)
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
      if (this.#held === undefined) target.write(chunk)
      else this.#held.push({ target, chunk })
    })
    target.on('data', (chunk: Buffer) => client.write(chunk))
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
    }
    client.on('close', () => this.#sockets.delete(client))
  }
}
