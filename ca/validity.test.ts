import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CaError } from './errors.ts'
import type { CaErrorCode } from './errors.ts'
import { assertRefused } from './testing/builders.ts'
import { leafValidity } from './validity.ts'
import type { ValidityRequest } from './validity.ts'

const at = (text: string) => new Date(`2026-06-01T${text}Z`)
const day = 86_400

const request: ValidityRequest = {
  now: at('12:00:00.750'),
  defaultSeconds: day,
  maxSeconds: 2 * day,
  backdateSeconds: 300,
  issuerNotBefore: new Date('2026-01-01T00:00:00Z'),
  issuerNotAfter: new Date('2027-01-01T00:00:00Z'),
}

const granted: [says: string, changes: Partial<ValidityRequest>, from: string, to: string, clamped: boolean][] = [
  [
    'nothing is asked for: the default, backdated, its last second included',
    {},
    '2026-06-01T11:55:00',
    '2026-06-02T11:54:59',
    false,
  ],
  [
    'a notAfter within the maximum is asked for',
    { requestedNotAfter: at('18:00:00') },
    '2026-06-01T11:55:00',
    '2026-06-01T18:00:00',
    false,
  ],
  [
    'a fraction of a second is asked for',
    { requestedNotAfter: at('18:00:00.999') },
    '2026-06-01T11:55:00',
    '2026-06-01T18:00:00',
    false,
  ],
  [
    'more than the maximum is asked for',
    { requestedNotAfter: new Date('2026-07-01T00:00:00Z') },
    '2026-06-01T11:55:00',
    '2026-06-03T11:54:59',
    true,
  ],
  [
    'a notBefore to come is asked for',
    { requestedNotBefore: at('20:00:00') },
    '2026-06-01T20:00:00',
    '2026-06-02T19:59:59',
    false,
  ],
  [
    'a notBefore within the backdating is asked for',
    { requestedNotBefore: at('11:58:00') },
    '2026-06-01T11:58:00',
    '2026-06-02T11:57:59',
    false,
  ],
  [
    'a notBefore long ago is asked for',
    { requestedNotBefore: new Date('2026-05-01T00:00:00Z') },
    '2026-06-01T11:55:00',
    '2026-06-02T11:54:59',
    true,
  ],
  [
    'a notBefore to come would reach beyond now and the maximum',
    { requestedNotBefore: new Date('2026-06-03T00:00:00Z') },
    '2026-06-03T00:00:00',
    '2026-06-03T11:59:59',
    true,
  ],
  [
    'the issuer ends before the default',
    { issuerNotAfter: at('15:00:00') },
    '2026-06-01T11:55:00',
    '2026-06-01T15:00:00',
    true,
  ],
  [
    'the issuer is younger than the backdating',
    { issuerNotBefore: at('11:59:00') },
    '2026-06-01T11:59:00',
    '2026-06-02T11:58:59',
    false,
  ],
  [
    'the issuer begins within a second',
    { issuerNotBefore: at('11:59:00.500') },
    '2026-06-01T11:59:01',
    '2026-06-02T11:59:00',
    false,
  ],
  ['nothing is backdated', { backdateSeconds: 0 }, '2026-06-01T12:00:00', '2026-06-02T11:59:59', false],
]

for (const [says, changes, from, to, clamped] of granted) {
  test(`the validity is right where ${says}`, () => {
    assert.deepEqual(leafValidity({ ...request, ...changes }), {
      notBefore: new Date(`${from}Z`),
      notAfter: new Date(`${to}Z`),
      clamped,
    })
  })
}

const refused: [says: string, code: CaErrorCode, changes: Partial<ValidityRequest>][] = [
  ['a notAfter in the past', 'validity-impossible', { requestedNotAfter: at('11:59:59') }],
  [
    'a notAfter before the notBefore',
    'validity-impossible',
    { requestedNotBefore: at('18:00:00'), requestedNotAfter: at('17:00:00') },
  ],
  ['a notBefore beyond the maximum', 'validity-impossible', { requestedNotBefore: new Date('2026-07-01T00:00:00Z') }],
  ['an issuer that has expired', 'validity-outside-issuer', { issuerNotAfter: at('11:59:59') }],
  ['an issuer that is yet to begin', 'validity-outside-issuer', { issuerNotBefore: at('12:00:01') }],
  ['a default that is used up by the backdating', 'validity-impossible', { defaultSeconds: 300 }],
]

for (const [says, code, changes] of refused) {
  test(`no validity is granted for ${says}`, async () => {
    await assertRefused(code, () => leafValidity({ ...request, ...changes }))
  })
}

test('the refusal of a validity tells what was asked for and what can be granted', async () => {
  const message = await assertRefused('validity-impossible', () =>
    leafValidity({ ...request, requestedNotAfter: at('11:00:00') }),
  )
  assert.match(message, /notAfter 2026-06-01T11:00:00.000Z.*2026-06-03T11:54:59.000Z/)
})

test('whatever is asked for, what is granted is whole seconds within the issuer, the maximum and the backdating', () => {
  const date = fc.date({
    min: new Date('2025-12-01T00:00:00Z'),
    max: new Date('2027-02-01T00:00:00Z'),
    noInvalidDate: true,
  })
  const optional = fc.option(date, { nil: undefined })
  fc.assert(
    fc.property(
      date,
      optional,
      optional,
      fc.nat(1000),
      (now, requestedNotBefore, requestedNotAfter, backdateSeconds) => {
        const asked = { ...request, now, requestedNotBefore, requestedNotAfter, backdateSeconds }
        try {
          const { notBefore, notAfter } = leafValidity(asked)
          const [from, to, seconds] = [notBefore.getTime(), notAfter.getTime(), Math.floor(now.getTime() / 1000)]
          assert.ok(from % 1000 === 0 && to % 1000 === 0 && from <= to)
          assert.ok(notBefore >= asked.issuerNotBefore && notAfter <= asked.issuerNotAfter)
          assert.ok((to - from) / 1000 + 1 <= asked.maxSeconds)
          assert.ok(
            from / 1000 >= seconds - backdateSeconds && to / 1000 >= seconds && to / 1000 < seconds + asked.maxSeconds,
          )
          if (requestedNotAfter) assert.ok(notAfter <= requestedNotAfter)
        } catch (error) {
          assert.ok(error instanceof CaError, String(error))
        }
      },
    ),
    { numRuns: 1000 },
  )
})
