import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AcmeClient,
  type AcmeResponse,
  type AuthorizationBody,
  type OrderBody,
} from '../../acme/testing/acme-client.ts'
import { csrFor } from '../../acme/testing/csr.ts'
import type { HttpRequest, HttpResponse, Transport } from '../../acme/testing/http.ts'
import type { ChallengeSite } from './challenge-site.ts'
import type { Fleet } from './fleet.ts'
import { type Mode, zone } from './manifests.ts'
import type { Random } from './random.ts'
import { ConnectionLost, externalUrl, type Replica } from './replica.ts'
import { databaseFate } from './tally.ts'
import { Violation } from './violation.ts'

/** What a client was told, to be held against the database. */
export interface Receipt {
  readonly mode: Mode
  readonly orderId: string
  readonly names: readonly string[]
  readonly csrDer: Buffer
  readonly chainPem: string
  /** What went wrong last on the way, and how long after it the order was valid. */
  readonly trouble?: { readonly fate: string; readonly recoverySeconds: number }
}

export interface Errand {
  readonly names: readonly string[]
  /** Where to begin; otherwise any that serves. */
  readonly first?: Replica
  /** Sends the finalize request twice at the same time. */
  readonly impatient?: boolean
}

/** For a slow machine that starts processes again and again. */
const orderLimitMilliseconds = 180_000
const pollMilliseconds = 150
const retryMilliseconds = 100
/** A server asks for more, but to come back early is allowed and shows more. */
const longestRetryAfterMilliseconds = 500

/** An ACME account whose owner wants certificates and doesn't give up. One order at a time. */
export class Customer {
  readonly mode: Mode
  readonly #client: AcmeClient
  readonly #line: Line
  readonly #site: ChallengeSite

  private constructor(mode: Mode, parts: { client: AcmeClient; line: Line; site: ChallengeSite }) {
    this.mode = mode
    this.#client = parts.client
    this.#line = parts.line
    this.#site = parts.site
  }

  static async register(mode: Mode, parts: { fleet: Fleet; site: ChallengeSite; random: Random }): Promise<Customer> {
    const line = new Line(parts.fleet, parts.random)
    const registration = new Patience(line)
    const directoryUrl = `${externalUrl}/acme/profile/${mode}/directory`
    const client = await registration.untilConnected(() =>
      AcmeClient.connect({ directoryUrl, transport: line, badNonceRetries: 10 }),
    )
    await registration.untilAnswered(() => client.newAccount())
    return new Customer(mode, { client, line, site: parts.site })
  }

  /** A certificate for these names, by one order, whatever happens to the replicas meanwhile. */
  async obtain({ names, first, impatient = false }: Errand): Promise<Receipt> {
    this.#line.replica = first
    const patience = new Patience(this.#line)
    const csr = csrFor(names)
    // An answer that got lost may have left an order behind that nobody will ever finish.
    const created = await patience.untilAnswered(() => this.#client.newOrder(names))
    const orderUrl = created.location
    if (this.mode === 'http') await this.#prove(created.body.authorizations, patience)
    const finalize = () => patience.untilAnswered(() => this.#client.finalize(created.body, csr.der))
    await Promise.all(impatient ? [finalize(), finalize()] : [finalize()])
    const order = await this.#untilValid(orderUrl, patience)
    const trouble = patience.trouble()
    return {
      mode: this.mode,
      orderId: basename(new URL(orderUrl).pathname),
      names,
      csrDer: csr.der,
      chainPem: await this.#download(order, patience),
      ...(trouble && { trouble }),
    }
  }

  async #prove(authorizationUrls: readonly string[], patience: Patience): Promise<void> {
    await Promise.all(
      authorizationUrls.map(async (url) => {
        const { body } = await patience.untilAnswered(() => this.#client.authorization(url))
        const challenge = body.challenges.find(({ type }) => type === 'http-01')
        if (challenge === undefined) throw new Violation(`no http-01 challenge in ${url}`, { rows: [body] })
        this.#site.publish(challenge.token, this.#client.keyAuthorization(challenge.token))
        await patience.untilAnswered(() => this.#client.respond(challenge.url))
        const isPending = (authorization: AuthorizationBody) => authorization.status === 'pending'
        await this.#poll(() => this.#client.authorization(url), isPending, patience)
      }),
    )
  }

  #untilValid(orderUrl: string, patience: Patience): Promise<OrderBody> {
    return this.#poll(
      () => this.#client.order(orderUrl),
      ({ status }) => status === 'processing',
      patience,
    )
  }

  /** Asks again while it is `waiting`; what comes after that must be `valid`. */
  async #poll<Body extends { readonly status: string }>(
    ask: () => Promise<AcmeResponse<Body>>,
    isWaiting: (body: Body) => boolean,
    patience: Patience,
  ): Promise<Body> {
    for (;;) {
      const { body } = await patience.untilAnswered(ask)
      if (body.status === 'valid') return body
      if (!isWaiting(body)) throw new Violation(`what should become valid is ${body.status}`, { rows: [body] })
      await sleep(pollMilliseconds)
    }
  }

  /** Twice, from two replicas where there are two: the bytes must not differ. */
  async #download({ certificate }: OrderBody, patience: Patience): Promise<string> {
    if (certificate === undefined) throw new Violation('a valid order without a certificate')
    const once = await patience.untilAnswered(() => this.#client.certificate(certificate))
    await this.#line.turn()
    const again = await patience.untilAnswered(() => this.#client.certificate(certificate))
    if (once.text !== again.text) {
      throw new Violation(`${certificate} is not the same each time`, { rows: [once.text, again.text] })
    }
    return once.text
  }
}

export function freshNames(random: Random, prefix: string): string[] {
  const stem = `${prefix}-${random.integer(0, 2 ** 40).toString(36)}`.toLowerCase()
  return random.chance(0.3) ? [`${stem}.${zone}`, `www.${stem}.${zone}`] : [`${stem}.${zone}`]
}

/** A client's way to the server: one replica, until that is gone. */
class Line implements Transport {
  replica: Replica | undefined
  readonly #fleet: Fleet
  readonly #random: Random

  constructor(fleet: Fleet, random: Random) {
    this.#fleet = fleet
    this.#random = random
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    this.replica ??= await this.#fleet.choose(this.#random)
    return this.replica.send(request)
  }

  /** Turns to another replica, if there is one. */
  async turn(): Promise<void> {
    const others = this.#fleet.open().filter((replica) => replica !== this.replica)
    if (others.length > 0) this.replica = this.#random.pick(others)
    else if (this.replica?.isOpen !== true) this.replica = undefined
  }

  /** Whose logs may say why something went wrong. */
  suspects(): Replica[] {
    return this.replica ? [this.replica] : this.#fleet.latest(2)
  }

  close(): void {
    // The connections are the replicas'.
  }
}

/** How one errand takes refusals: what is temporary is waited for, and anything else breaks what the server promises. */
class Patience {
  readonly #line: Line
  readonly #deadline = performance.now() + orderLimitMilliseconds
  #trouble: { readonly with: Replica | 'database'; readonly since: number } | undefined

  constructor(line: Line) {
    this.#line = line
  }

  /** What went wrong last, measured to now. */
  trouble(): Receipt['trouble'] {
    if (this.#trouble === undefined) return undefined
    const { with: party, since } = this.#trouble
    const fate = party === 'database' ? databaseFate : party.fate
    return { fate, recoverySeconds: (performance.now() - since) / 1000 }
  }

  /** Repeats the request until it is answered with success. */
  async untilAnswered<Body>(ask: () => Promise<AcmeResponse<Body>>): Promise<AcmeResponse<Body>> {
    for (;;) {
      const answer = await this.untilConnected(ask)
      if (answer.status < 400) return answer
      const retryAfter = answer.headers['retry-after']
      if (answer.status !== 503 || retryAfter === undefined) {
        throw new Violation(`the server answered ${answer.status}, Retry-After: ${retryAfter ?? 'none'}`, {
          rows: [answer.text],
          replicas: this.#line.suspects(),
        })
      }
      this.#note('database')
      await sleep(Math.min(Number(retryAfter) * 1000, longestRetryAfterMilliseconds))
    }
  }

  /** Repeats what it does on other replicas until none is lost meanwhile. */
  async untilConnected<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      if (performance.now() > this.#deadline) {
        throw new Violation('an order was not valid in three minutes', { replicas: this.#line.suspects() })
      }
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error
        this.#note(error.replica)
        await this.#line.turn()
        await sleep(retryMilliseconds)
      }
    }
  }

  /** Trouble begins when it is met first, and ends when the order is valid or another begins. */
  #note(party: Replica | 'database'): void {
    if (this.#trouble?.with !== party) this.#trouble = { with: party, since: performance.now() }
  }
}
