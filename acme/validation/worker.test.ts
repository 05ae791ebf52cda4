import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { describe, test } from 'node:test'
import type { ChallengeView } from '../../store/views.ts'
import type { ValidationOutcome, ValidationRequest } from './challenge.ts'
import { createSlots } from './slots.ts'
import { accountThumbprint, aWorkerWorld, type Validate } from './testing/worker.ts'
import { sleep } from './worker.ts'

const wrongBody: ValidationOutcome = {
  ok: false,
  problem: { type: 'incorrectResponse', detail: 'That is not it.' },
  retry: true,
}
const refused: ValidationOutcome = {
  ok: false,
  problem: { type: 'connection', detail: 'That address is refused.' },
  retry: false,
}
const wrongBodyDocument = {
  type: 'urn:ietf:params:acme:error:incorrectResponse',
  detail: 'That is not it.',
  status: 403,
}

/** A validation that the test ends, or that its signal does. */
function heldValidation(): { validate: Validate; begun: Promise<void>; end(outcome: ValidationOutcome): void } {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: outcome, resolve: end, reject } = Promise.withResolvers<ValidationOutcome>()
  const validate: Validate = (_request, signal) => {
    begin()
    signal.addEventListener('abort', () => reject(signal.reason as Error))
    return outcome
  }
  return { validate, begun, end }
}

/** Waits for what another turn of the event loop brings about. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await setImmediate()
}

describe('a try', () => {
  test('that proves the challenge makes it and its authorization valid', async (t) => {
    const world = aWorkerWorld(t)
    const requests: ValidationRequest[] = []
    const worker = world.worker('one', {
      validate: (request) => {
        requests.push(request)
        return Promise.resolve({ ok: true })
      },
    })
    const challenge = await world.pendingChallenge('dns-01')
    const result = await worker.attempt(await world.claim(challenge, worker))
    assert.deepEqual(result, { status: 'valid', validatedAt: new Date(0) })
    const found = await world.find(challenge)
    assert.equal(found.status, 'valid')
    assert.equal(found.authorization.status, 'valid')
    assert.deepEqual(requests, [
      {
        type: 'dns-01',
        identifier: { type: 'dns', value: 'app-1.test' },
        token: challenge.token,
        keyAuthorization: `${challenge.token}.${accountThumbprint}`,
        policy: { resolvers: ['192.0.2.53:53'], allowedNetworks: ['10.0.0.0/8'] },
      },
    ])
    assert.deepEqual(world.measured, ['dns-01 valid'])
    assert.deepEqual(world.failed, [])
  })

  test('that may succeed later is rescheduled with its problem shown, and is invalid after the last retry', async (t) => {
    const world = aWorkerWorld(t)
    const worker = world.worker('one', { validate: () => Promise.resolve(wrongBody) })
    const challenge = await world.pendingChallenge()
    const first = await worker.attempt(await world.claim(challenge, worker))
    assert.deepEqual(first, { status: 'processing', error: wrongBodyDocument })
    assert.deepEqual((await world.find(challenge)).error, wrongBodyDocument)

    for (const [delaySeconds, tries] of [
      [1, 2],
      [2, 3],
    ] as const) {
      await world.advance(delaySeconds)
      const next = world.worker('two', { validate: () => Promise.resolve(wrongBody) })
      next.start()
      await eventually(() => Promise.resolve(world.measured.length === tries))
      await next.stop()
    }
    const found = await world.find(challenge)
    assert.equal(found.attempts, 3)
    assert.equal(found.authorization.status, 'invalid')
    assert.deepEqual(found.error, wrongBodyDocument)
    assert.deepEqual(world.measured, ['http-01 retry', 'http-01 retry', 'http-01 invalid'])
    assert.deepEqual(
      world.failed.map(({ challenge: { id } }) => id),
      [challenge.id],
    )
  })

  test('is not due before its delay has passed', async (t) => {
    const world = aWorkerWorld(t)
    const worker = world.worker('one', { validate: () => Promise.resolve(wrongBody), retryDelaysSeconds: [1000] })
    const challenge = await world.pendingChallenge()
    await worker.attempt(await world.claim(challenge, worker))
    const paused = Promise.withResolvers<void>()
    const poller = world.worker('two', {
      sleep: (_milliseconds, signal) => {
        paused.resolve()
        return sleep(60_000, signal)
      },
    })
    poller.start()
    await paused.promise
    await poller.stop()
    assert.equal((await world.find(challenge)).attempts, 1)
  })

  test('that is refused for good is not tried again', async (t) => {
    const world = aWorkerWorld(t)
    const worker = world.worker('one', { validate: () => Promise.resolve(refused) })
    const challenge = await world.pendingChallenge('tls-alpn-01')
    const result = await worker.attempt(await world.claim(challenge, worker))
    assert.equal(result?.status, 'invalid')
    assert.equal((await world.find(challenge)).authorization.status, 'invalid')
    assert.deepEqual(world.measured, ['tls-alpn-01 invalid'])
    assert.equal(world.failed.length, 1)
  })

  test('that our own side spoils is tried again, and never held against the client', async (t) => {
    const world = aWorkerWorld(t)
    const broken = { validate: () => Promise.reject(new TypeError('a bug')) }
    const retrying = world.worker('one', broken)
    const challenge = await world.pendingChallenge()
    const result = await retrying.attempt(await world.claim(challenge, retrying))
    assert.equal(result?.status, 'processing')
    assert.doesNotMatch(JSON.stringify(result), /bug/)

    const final = world.worker('two', { ...broken, retryDelaysSeconds: [] })
    const other = await world.pendingChallenge()
    assert.equal((await final.attempt(await world.claim(other, final)))?.status, 'invalid')
    assert.match(JSON.stringify((await world.find(other)).error), /serverInternal/)
    assert.deepEqual(world.failed, [])
  })

  test('does not fail with whoever counts failures', async (t) => {
    const world = aWorkerWorld(t)
    const worker = world.worker('one', {
      validate: () => Promise.resolve(refused),
      onFailedValidation: () => Promise.reject(new Error('no limiter')),
    })
    const challenge = await world.pendingChallenge()
    assert.equal((await worker.attempt(await world.claim(challenge, worker)))?.status, 'invalid')
    assert.ok(world.logged.includes('error: a failed validation could not be counted'))
  })
})

describe('leases', () => {
  for (const label of ['validation.claimed', 'validation.probed']) {
    test(`a crash at ${label} leaves a challenge that another worker takes over, once`, async (t) => {
      const world = aWorkerWorld(t)
      const reached = Promise.withResolvers<void>()
      const revived = Promise.withResolvers<void>()
      const crashing = world.worker('one', {
        validate: () => Promise.resolve(refused),
        checkpoint: async (at) => {
          if (at !== label) return
          reached.resolve()
          await revived.promise
        },
      })
      const challenge = await world.pendingChallenge()
      const attempt = crashing.attempt(await world.claim(challenge, crashing))
      await reached.promise

      const other = world.worker('two')
      other.start()
      await other.stop()
      assert.equal((await world.find(challenge)).status, 'processing')

      await world.advance(31)
      const successor = world.worker('three')
      successor.start()
      await eventually(async () => (await world.find(challenge)).status === 'valid')
      await successor.stop()

      revived.resolve()
      assert.equal(await attempt, undefined)
      const found = await world.find(challenge)
      assert.equal(found.status, 'valid')
      assert.equal(found.attempts, 2)
      assert.deepEqual(world.measured, ['http-01 valid'])
      assert.deepEqual(world.failed, [])
    })
  }

  test('a crash after the result was recorded changes nothing', async (t) => {
    const world = aWorkerWorld(t)
    const worker = world.worker('one', {
      checkpoint: (label) => {
        if (label === 'validation.completed') throw new Error('crash')
      },
    })
    const challenge = await world.pendingChallenge()
    assert.equal(await worker.attempt(await world.claim(challenge, worker)), undefined)
    assert.equal((await world.find(challenge)).status, 'valid')
  })

  test('two workers share what is due and try each challenge once', async (t) => {
    const world = aWorkerWorld(t)
    const tried: string[] = []
    const options = {
      validate: ({ token }: ValidationRequest) => {
        tried.push(token)
        return Promise.resolve<ValidationOutcome>({ ok: true })
      },
    }
    const dying = world.worker('dying')
    const challenges: ChallengeView[] = []
    for (let count = 0; count < 12; count += 1) challenges.push(await world.pendingChallenge())
    for (const challenge of challenges) await world.claim(challenge, dying)
    await world.advance(31)

    const workers = [world.worker('one', options), world.worker('two', options)]
    workers.forEach((worker) => worker.start())
    for (const challenge of challenges) await eventually(async () => (await world.find(challenge)).status === 'valid')
    await Promise.all(workers.map((worker) => worker.stop()))
    assert.deepEqual(tried.toSorted(), challenges.map(({ token }) => token).toSorted())
  })
})

describe('concurrency', () => {
  test('what exceeds the slots waits in the database and is taken when one is free', async (t) => {
    const world = aWorkerWorld(t)
    const held = heldValidation()
    const worker = world.worker('one', {
      concurrency: { 'http-01': 1, 'dns-01': 1, 'tls-alpn-01': 1 },
      validate: held.validate,
    })
    const [first, second, otherType] = [
      await world.pendingChallenge(),
      await world.pendingChallenge(),
      await world.pendingChallenge('dns-01'),
    ]
    const running = worker.attempt(await world.claim(first, worker))
    await held.begun
    assert.equal(await worker.attempt(await world.claim(second, worker)), undefined)
    assert.equal((await world.find(second)).attempts, 0, 'waiting for a slot is no try')
    const runningToo = worker.attempt(await world.claim(otherType, worker))

    worker.start()
    held.end({ ok: true })
    assert.equal((await running)?.status, 'valid')
    assert.equal((await runningToo)?.status, 'valid')
    await eventually(async () => (await world.find(second)).status === 'valid')
    await worker.stop()
  })

  test('slots count each type by itself', () => {
    const slots = createSlots({ 'http-01': 2, 'dns-01': 1, 'tls-alpn-01': 3 })
    assert.deepEqual(slots.free(), { types: ['http-01', 'dns-01', 'tls-alpn-01'], least: 1 })
    assert.ok(slots.take('dns-01'))
    assert.ok(!slots.take('dns-01'))
    assert.deepEqual(slots.free(), { types: ['http-01', 'tls-alpn-01'], least: 2 })
    assert.ok(slots.give('dns-01'))
    assert.ok(slots.take('http-01'))
    assert.ok(!slots.give('http-01'))
  })
})

describe('stopping', () => {
  test('lets a validation under way finish', async (t) => {
    const world = aWorkerWorld(t)
    const held = heldValidation()
    const worker = world.worker('one', { validate: held.validate })
    const challenge = await world.pendingChallenge()
    const attempt = worker.attempt(await world.claim(challenge, worker))
    await held.begun
    const stopped = worker.stop()
    held.end({ ok: true })
    await stopped
    assert.equal((await attempt)?.status, 'valid')
  })

  test('aborts it when the grace period is over, and gives its lease back without counting the try', async (t) => {
    const world = aWorkerWorld(t)
    const held = heldValidation()
    const worker = world.worker('one', { validate: held.validate, sleep: () => Promise.resolve() })
    const challenge = await world.pendingChallenge()
    const attempt = worker.attempt(await world.claim(challenge, worker))
    await held.begun
    await worker.stop()
    assert.equal(await attempt, undefined)
    const given = await world.find(challenge)
    assert.equal(given.status, 'processing')
    assert.equal(given.attempts, 0)

    const successor = world.worker('two')
    successor.start()
    await eventually(async () => (await world.find(challenge)).status === 'valid')
    await successor.stop()
  })

  test('puts back what is handed over afterwards', async (t) => {
    const world = aWorkerWorld(t)
    const worker = world.worker('one')
    worker.start()
    await worker.stop()
    const challenge = await world.pendingChallenge()
    assert.equal(await worker.attempt(await world.claim(challenge, worker)), undefined)
    assert.equal((await world.find(challenge)).status, 'processing')
  })
})

test('a database that does not answer ends neither polling nor a stop', async (t) => {
  const world = aWorkerWorld(t)
  const broken = new Proxy(world.db, {
    get() {
      throw new Error('the database is away')
    },
  })
  let pauses = 0
  const paused = Promise.withResolvers<void>()
  const worker = world.worker('one', {
    db: broken,
    sleep: () => {
      pauses += 1
      if (pauses === 3) paused.resolve()
      return setImmediate()
    },
  })
  worker.start()
  await paused.promise
  await worker.stop()
  assert.ok(world.logged.includes('warn: challenges could not be claimed'))
  assert.ok(world.logged.includes('warn: leases could not be given back and will run out'))
})

test('a sleep ends early when its signal is aborted', async () => {
  const controller = new AbortController()
  const slept = sleep(60_000, controller.signal)
  controller.abort()
  await slept
  await sleep(60_000, AbortSignal.abort())
  await sleep(1, new AbortController().signal)
})
