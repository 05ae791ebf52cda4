import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AcmeServer, DirectoryName } from './acme-server.ts'
import { servedChain } from './openssl.ts'
import { runCommand, Service, shellWords, systemPath, type CommandResult } from './processes.ts'

/** What stays the same for one client over all its cases. */
export interface Seat {
  readonly client: string
  /** Loopback address that every name of the client resolves to, so that clients can have ports 80 and 443 side by side. */
  readonly address: string
  /** The domain below which all its names lie. */
  readonly domain: string
  /** A folder of its own. */
  readonly folder: string
  /** Where hooks write TXT records: a file per owner name, a line per value. */
  readonly txtDir: string
  /** Chains obtained so far, by first name. */
  readonly issued: Map<string, string>
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
}

const shownLines = 80

/** A client's command ended otherwise than the case expects. */
export class UnexpectedEnd extends Error {}

/** What a case has at hand: its client's seat, the server, and commands that are killed when the case takes too long. */
export class Session {
  readonly seat: Seat
  readonly server: AcmeServer
  readonly signal: AbortSignal
  /** What was run and what it said, for whoever has to find out why the case failed. */
  readonly transcript: string[] = []
  readonly #logFiles = new Set<string>()
  readonly #services: { readonly service: Service; readonly command: string }[] = []

  constructor(seat: Seat, server: AcmeServer, signal: AbortSignal) {
    this.seat = seat
    this.server = server
    this.signal = signal
  }

  get address(): string {
    return this.seat.address
  }

  directory(name: DirectoryName): string {
    const url = this.server.directories[name]
    if (url === undefined) throw new Error(`${this.server.title} has no directory ${name}`)
    return url
  }

  /** `http` is http.<the client's domain>, `*.w` is a wildcard below it. */
  name(label: string): string {
    return `${label}.${this.seat.domain}`
  }

  path(...parts: string[]): string {
    return join(this.seat.folder, ...parts)
  }

  /** The file that holds the TXT records of a name, below which clients prove it. */
  challengeTxtFile(name: string): string {
    return join(this.seat.txtDir, `_acme-challenge.${name.replace(/^\*\./, '')}`)
  }

  async read(...parts: string[]): Promise<string> {
    return readFile(this.path(...parts), 'utf8')
  }

  async write(name: string, content: string): Promise<string> {
    const file = this.path(name)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, content)
    return file
  }

  async folder(name: string): Promise<string> {
    await mkdir(this.path(name), { recursive: true })
    return this.path(name)
  }

  /** Writes a shell script and returns its path. `$TXT` in it is the folder of TXT records. */
  async script(name: string, body: string): Promise<string> {
    const file = await this.write(name, `#!/bin/sh\nset -eu\nTXT=${this.seat.txtDir}\n${body.trim()}\n`)
    await chmod(file, 0o755)
    return file
  }

  note(line: string): void {
    this.transcript.push(line)
  }

  /** Runs a command that must succeed. */
  async run(program: string, args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    const result = await this.#run(program, args, options)
    if (result.code !== 0) throw new UnexpectedEnd(`${program} failed with exit code ${result.code}`)
    return result
  }

  /** Runs a command that must fail, and returns what it said. */
  async runFailing(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.#run(program, args, options)
    if (result.code === 0) throw new UnexpectedEnd(`${program} succeeded where it should have failed`)
    return result.output
  }

  /** Waits until a file is there. */
  async fileExists(file: string): Promise<void> {
    while (!existsSync(file)) {
      this.signal.throwIfAborted()
      await sleep(50)
    }
  }

  /** Starts a program in the background; dispose of it with `await using`. */
  start(program: string, args: readonly string[], options: RunOptions = {}): Service {
    const service = new Service({ program, args, env: this.#env(options), cwd: this.seat.folder })
    this.#services.push({ service, command: shellWords({ program, args }) })
    return service
  }

  /** Waits until the service presents, on port 443 of the client's address, a chain for the name that `wanted` accepts. */
  async chainServedBy(service: Service, name: string, wanted: (chainPem: string) => boolean): Promise<string> {
    const look = async () => {
      const chain = await servedChain(this.address, name, this.signal)
      return chain !== undefined && wanted(chain) ? chain : undefined
    }
    return service.until(`it served the certificate for ${name}`, look, this.signal)
  }

  /** URLs of the accounts that the client has written into JSON files below a folder, each once. */
  async accountUrls(folder: string): Promise<string[]> {
    const files = await readdir(this.path(folder), { recursive: true })
    const texts = await Promise.all(
      files.filter((file) => file.endsWith('.json')).map((file) => this.read(folder, file)),
    )
    return this.accountUrlsIn(texts.join('\n'))
  }

  /** Account URLs of the server in a text, each once; Pebble's path differs from ours. */
  accountUrlsIn(text: string): string[] {
    const url = new RegExp(`${RegExp.escape(this.server.baseUrl)}[\\w./:-]*?/(?:my-)?account/[\\w-]+(?![\\w/-])`, 'g')
    return [...new Set(text.match(url))]
  }

  /** Names a log that a program writes for itself, to be shown when the case fails. */
  alsoReport(logFile: string): void {
    this.#logFiles.add(logFile)
  }

  /** Everything that was run, with its output. */
  report(): string {
    const logs = [...this.#logFiles]
      .filter((file) => existsSync(file))
      .flatMap((file) => [`${file}:`, ...lastLines(file)])
    const services = this.#services.flatMap(({ service, command }) => [
      `$ ${command} &`,
      ...service.lines.slice(-shownLines),
    ])
    return [...this.transcript, ...services, ...logs].join('\n')
  }

  async #run(program: string, args: readonly string[], options: RunOptions): Promise<CommandResult> {
    const { stdin } = options
    const command = {
      program,
      args,
      env: this.#env(options),
      cwd: this.seat.folder,
      ...(stdin === undefined ? {} : { stdin }),
    }
    this.note(`$ ${shellWords(command)}`)
    const result = await runCommand(command, this.signal)
    this.note(result.output)
    return result
  }

  #env(options: RunOptions): Record<string, string> {
    const { folder } = this.seat
    return { PATH: systemPath, HOME: folder, TMPDIR: folder, LANG: 'C.UTF-8', ...options.env }
  }
}

function lastLines(file: string): string[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-shownLines)
}
