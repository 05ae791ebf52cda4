import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createNonceService, type NonceServiceOptions } from './nonce.ts'

const start = new Date('2030-01-01T00:00:00.123Z')
const key = Buffer.alloc(32, 1)
const epoch = Buffer.alloc(8, 2)

function aService(options: Partial<NonceServiceOptions> = {}) {
  return createNonceService({ key, epoch, clock: { now: () => start }, readEpoch: async () => epoch, ...options })
}

test('a nonce says when and in which epoch it was minted', () => {
  const nonces = aService()
  const opened = nonces.open(nonces.mint())
  assert.deepEqual(opened?.issuedAt, start)
  assert.deepEqual(opened?.epoch, epoch)
  assert.equal(opened?.nonce.length, 16)
})

test('nonces are base64url of one length, and no two are alike', () => {
  const nonces = aService()
  const minted = new Set(Array.from({ length: 1000 }, () => nonces.mint()))
  assert.equal(minted.size, 1000)
  for (const nonce of minted) assert.match(nonce, /^[A-Za-z0-9_-]{54}$/)
  const ids = new Set([...minted].map((nonce) => nonces.open(nonce)?.nonce.toString('hex')))
  assert.equal(ids.size, 1000)
})

test('any replica with the key opens the nonces of the others, even with an epoch of yesterday', () => {
  const fresh = aService({ epoch: Buffer.alloc(8, 9) })
  assert.deepEqual(aService().open(fresh.mint())?.epoch, Buffer.alloc(8, 9))
})

test('a nonce that another key minted is not opened', () => {
  assert.equal(aService().open(aService({ key: Buffer.alloc(32, 3) }).mint()), undefined)
})

test('a nonce with any bit changed is not opened', () => {
  const nonces = aService()
  const bytes = Buffer.from(nonces.mint(), 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(nonces.open(changed.toString('base64url')), undefined, `bit ${bit}`)
  }
})

test('a nonce has one spelling', () => {
  const nonces = aService()
  const nonce = nonces.mint()
  const last = nonce.at(-1)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  for (const other of alphabet) {
    if (other !== last) assert.equal(nonces.open(nonce.slice(0, -1) + other), undefined)
  }
  assert.equal(nonces.open(`${nonce}==`), undefined)
})

test('text of any kind is not opened', () => {
  const nonces = aService()
  fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => nonces.open(text) === undefined))
})

test('nonces are dated by the clock of the database, however skewed ours is', () => {
  let now = start
  const nonces = aService({ clock: { now: () => now } })
  nonces.observeDatabaseTime(new Date(start.getTime() + 3_600_000))
  now = new Date(start.getTime() + 5000)
  assert.deepEqual(nonces.open(nonces.mint())?.issuedAt, new Date(start.getTime() + 3_605_000))
})

test('an epoch that the database does not know any more is read once, however many ask', async () => {
  let reads = 0
  const nonces = aService({
    readEpoch: async () => {
      reads++
      return Buffer.alloc(8, 7)
    },
  })
  const old = nonces.mint()
  await Promise.all([nonces.refreshEpoch(), nonces.refreshEpoch()])
  assert.equal(reads, 1)
  assert.deepEqual(nonces.open(nonces.mint())?.epoch, Buffer.alloc(8, 7))
  assert.deepEqual(nonces.open(old)?.epoch, epoch)
  await nonces.refreshEpoch()
  assert.equal(reads, 2)
})

test('minting goes on while the database is away, and the epoch is asked for again', async () => {
  let isAway = true
  const nonces = aService({
    readEpoch: async () => {
      if (isAway) throw new Error('away')
      return Buffer.alloc(8, 7)
    },
  })
  await assert.rejects(nonces.refreshEpoch(), /away/)
  assert.deepEqual(nonces.open(nonces.mint())?.epoch, epoch)
  isAway = false
  await nonces.refreshEpoch()
  assert.deepEqual(nonces.open(nonces.mint())?.epoch, Buffer.alloc(8, 7))
})
