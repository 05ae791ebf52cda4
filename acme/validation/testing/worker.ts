import { after, type TestContext } from 'node:test'
import { sql } from 'kysely'
import { beginChallenge, type ClaimedChallenge, findChallengeView } from '../../../store/challenges.ts'
import type { Db } from '../../../store/database.ts'
import { createOrder } from '../../../store/orders.ts'
import type { ChallengeType } from '../../../store/schema.ts'
import { aWorld, anOrder, type World } from '../../../store/testing/builders.ts'
import { setClockOffset } from '../../../store/testing/clock.ts'
import { openTestDatabase } from '../../../store/testing/database.ts'
import { checkInvariants } from '../../../store/testing/invariants.ts'
import type { ChallengeView } from '../../../store/views.ts'
import type { IssuancePolicy } from '../../policy.ts'
import type { Log } from '../../ports.ts'
import type { FailedValidation } from '../attempt.ts'
import type { ValidationOutcome, ValidationRequest } from '../challenge.ts'
import { createValidationWorker, type Sleep, type ValidationWorker, type ValidationWorkerDeps } from '../worker.ts'

export const accountThumbprint = 'thumbprint'

/** A database with an account, whose clock the test moves. After the test the invariants are checked and all is gone. */
export interface WorkerWorld {
  readonly db: Db
  /** What the workers of this world told. */
  readonly failed: FailedValidation[]
  readonly measured: string[]
  readonly logged: string[]
  /** Moves the database's clock on. */
  advance(seconds: number): Promise<void>
  /** A challenge of a new authorization, still pending. */
  pendingChallenge(type?: ChallengeType): Promise<ChallengeView>
  /** The challenge as the POST hands it to a worker: leased. */
  claim(challenge: ChallengeView, worker: ValidationWorker): Promise<ClaimedChallenge>
  find(challenge: ChallengeView): Promise<ChallengeView>
  worker(owner: string, options?: Partial<ValidationWorkerDeps> & { validate?: Validate }): ValidationWorker
}

export type Validate = (request: ValidationRequest, signal: AbortSignal) => Promise<ValidationOutcome>

const policy = { validation: { resolvers: ['192.0.2.53:53'], allowedNetworks: ['10.0.0.0/8'] } }

/** Made once, since a database takes longer than any of these tests. */
const database = await openTestDatabase('postgres')
const world = await aWorld(database.db)
after(() => database.close())

export function aWorkerWorld(t: TestContext): WorkerWorld {
  const { db } = database
  t.after(async () => {
    await checkInvariants(db)
    await sql`truncate orders, authorizations, audit_events cascade`.execute(db)
    await setClockOffset(db, 0)
  })
  const failed: FailedValidation[] = []
  const measured: string[] = []
  const logged: string[] = []
  let offset = 0
  let names = 0

  const find = async ({ id }: ChallengeView): Promise<ChallengeView> => {
    const found = await findChallengeView(db, { id, accountId: world.accountId })
    if (found === undefined) throw new Error(`there is no challenge ${id}`)
    return found
  }

  return {
    db,
    failed,
    measured,
    logged,
    find,
    async advance(seconds) {
      offset += seconds
      await setClockOffset(db, offset)
    },
    async pendingChallenge(type = 'http-01') {
      names += 1
      return newChallenge(db, world, { name: `app-${names}.test`, type })
    },
    async claim(challenge, { owner, leaseSeconds }) {
      const isLeased = await beginChallenge(db, { id: challenge.id, owner, leaseSeconds })
      if (!isLeased) throw new Error('the challenge is not pending')
      return { challenge: await find(challenge), accountThumbprint }
    },
    worker(owner, { validate = proves, ...overrides } = {}) {
      return createValidationWorker({
        db,
        validator: { validate },
        profiles: {
          revision: () =>
            Promise.resolve({
              profileId: 'prof-test',
              profileUuid: '00000000-0000-4000-8000-000000000000',
              namespace: 'certctl',
              issuerId: world.issuerId,
              policy: wholePolicy,
            }),
        },
        clock: { now: () => new Date(0) },
        log: recordingLog(logged),
        metrics: { validation: (type, result) => void measured.push(`${type} ${result}`) },
        owner,
        leaseSeconds: 30,
        concurrency: { 'http-01': 2, 'dns-01': 2, 'tls-alpn-01': 2 },
        retryDelaysSeconds: [1, 2],
        pollIntervalSeconds: 1,
        stopGraceSeconds: 1,
        sleep: untilWoken,
        onFailedValidation: (failure) => {
          failed.push(failure)
          return Promise.resolve()
        },
        ...overrides,
      })
    },
  }
}

/** Time never passes by itself: what pauses is woken or waits for ever. */
export const untilWoken: Sleep = (_milliseconds, signal) =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })

const proves: Validate = () => Promise.resolve({ ok: true })

/** The worker reads nothing of a policy but its part on validation. */
const wholePolicy = policy as unknown as IssuancePolicy

async function newChallenge(
  db: Db,
  world: World,
  { name, type }: { name: string; type: ChallengeType },
): Promise<ChallengeView> {
  const order = anOrder(world, [name])
  await createOrder(db, order)
  const challenge = order.authorizations[0]?.challenges.find((each) => each.type === type)
  const view = challenge && (await findChallengeView(db, { id: challenge.id, accountId: world.accountId }))
  if (view === undefined) throw new Error(`the order has no ${type} challenge`)
  return view
}

function recordingLog(lines: string[]): Log {
  const write = (level: string) => (_fields: object, message: string) => void lines.push(`${level}: ${message}`)
  const log: Log = { info: write('info'), warn: write('warn'), error: write('error'), child: () => log }
  return log
}
