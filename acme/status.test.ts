import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  accountTransitions,
  authorizationTransitions,
  challengeTransitions,
  deriveAuthorizationStatus,
  deriveOrderStatus,
  orderTransitions,
  type AuthorizationFacts,
  type OrderFacts,
  type OrderStatus,
} from './status.ts'

const now = new Date('2030-01-01T00:00:00Z')
const later = new Date('2030-01-02T00:00:00Z')
const earlier = new Date('2029-12-31T00:00:00Z')

suite('an authorization', () => {
  const table = [
    ['pending', later, 'pending'],
    ['valid', later, 'valid'],
    ['pending', now, 'expired'],
    ['valid', earlier, 'expired'],
    ['invalid', earlier, 'invalid'],
    ['deactivated', earlier, 'deactivated'],
    ['revoked', earlier, 'revoked'],
  ] as const
  for (const [status, expiresAt, derived] of table) {
    test(`stored as ${status}, expiring ${expiresAt.toISOString()}, is ${derived}`, () => {
      assert.equal(deriveAuthorizationStatus({ status, expiresAt }, now), derived)
    })
  }
})

suite('an order', () => {
  const valid: AuthorizationFacts = { status: 'valid', expiresAt: later }
  const pending: AuthorizationFacts = { status: 'pending', expiresAt: later }
  const invalid: AuthorizationFacts = { status: 'invalid', expiresAt: later }
  const expired: AuthorizationFacts = { status: 'valid', expiresAt: earlier }
  const open: OrderFacts = { expiresAt: later, authorizations: [valid] }

  const table: readonly (readonly [what: string, order: OrderFacts, status: OrderStatus])[] = [
    ['whose authorizations are all valid', open, 'ready'],
    ['with one pending authorization', { ...open, authorizations: [valid, pending] }, 'pending'],
    ['with one invalid authorization', { ...open, authorizations: [valid, pending, invalid] }, 'invalid'],
    ['with one expired authorization', { ...open, authorizations: [valid, expired] }, 'invalid'],
    [
      'with a deactivated authorization',
      { ...open, authorizations: [{ status: 'deactivated', expiresAt: later }] },
      'invalid',
    ],
    ['without authorizations', { ...open, authorizations: [] }, 'invalid'],
    ['past its expiry', { ...open, expiresAt: now }, 'invalid'],
    ['whose issuance began', { ...open, processingSince: earlier }, 'processing'],
    ['whose issuance began, past its expiry', { ...open, expiresAt: earlier, processingSince: earlier }, 'processing'],
    [
      'whose issuance began, its authorization given up since',
      { ...open, processingSince: earlier, authorizations: [invalid] },
      'processing',
    ],
    ['with an error', { ...open, error: {}, processingSince: earlier }, 'invalid'],
    [
      'with a certificate, long expired',
      { ...open, certificateId: 'c', expiresAt: earlier, authorizations: [expired] },
      'valid',
    ],
  ]
  for (const [what, order, status] of table) {
    test(`${what} is ${status}`, () => assert.equal(deriveOrderStatus(order, now), status))
  }
})

suite('the transitions', () => {
  const tables = { accountTransitions, authorizationTransitions, challengeTransitions, orderTransitions }
  for (const [name, transitions] of Object.entries(tables)) {
    test(`${name} lead to known statuses and never in a circle`, () => {
      const known: Readonly<Record<string, readonly string[]>> = transitions
      const reachable = (from: string): string[] =>
        (known[from] ?? assert.fail(from)).flatMap((to) => [to, ...reachable(to)])
      for (const from of Object.keys(known)) assert.ok(!reachable(from).includes(from), from)
    })
  }
})
