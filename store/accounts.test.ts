import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  changeAccountKey,
  deactivateAccount,
  findAccountByThumbprint,
  findAccountKey,
  insertAccount,
  type NewAccount,
  updateContacts,
} from './accounts.ts'
import { listAudit } from './audit.ts'
import { type AccountId, newId } from './schema.ts'
import { anAccount } from './testing/builders.ts'
import { cloneDatabase } from './testing/database.ts'

const database = await cloneDatabase()
const { db } = database
after(() => database.close())

function aNewAccount(thumbprint: string, directory = 'default'): NewAccount {
  const id = newId<AccountId>()
  return { id, directory, jwk: { kty: 'EC', x: thumbprint }, thumbprint, contacts: [], actor: `acme:${id}` }
}

test('of ten that register one key at once one creates the account and all get it', async () => {
  const results = await Promise.all(Array.from({ length: 10 }, () => insertAccount(db, aNewAccount('same'))))
  assert.equal(results.filter(({ created }) => created).length, 1)
  assert.equal(new Set(results.map(({ account }) => account.id)).size, 1)
  assert.equal((await insertAccount(db, aNewAccount('same', 'another'))).created, true, 'in another directory')
})

test('an account is found by its id and by its key, in its own directory only', async () => {
  const { account } = await insertAccount(db, aNewAccount('found'))
  assert.deepEqual(await findAccountKey(db, account.id, 'default'), {
    jwk: { kty: 'EC', x: 'found' },
    keyVersion: 1,
    thumbprint: 'found',
  })
  assert.equal(await findAccountKey(db, account.id, 'another'), undefined)
  const key = { directory: 'default', thumbprint: 'found' }
  assert.deepEqual(await findAccountByThumbprint(db, key), account)
  assert.equal(await findAccountByThumbprint(db, { ...key, directory: 'another' }), undefined)
})

test('contacts of a valid account are replaced, of a deactivated one not', async () => {
  const id = await anAccount(db)
  const update = { id, contacts: ['mailto:other@example.com'], actor: `acme:${id}` }
  assert.deepEqual((await updateContacts(db, update))?.contacts, update.contacts)
  assert.equal((await listAudit(db, { limit: 1 }))[0]?.action, 'account.update')
  await deactivateAccount(db, update)
  assert.equal((await listAudit(db, { limit: 1 }))[0]?.action, 'account.deactivate')
  assert.equal(await updateContacts(db, update), undefined)
})

test('a key change counts the version, and neither takes a held key nor follows another change', async () => {
  const { account } = await insertAccount(db, aNewAccount('old'))
  const { account: holder } = await insertAccount(db, aNewAccount('held'))
  const change = {
    id: account.id,
    directory: 'default',
    keyVersion: 1,
    jwk: { kty: 'EC', x: 'new' },
    thumbprint: 'new',
    actor: `acme:${account.id}`,
  }
  const taken = { ...change, thumbprint: 'held' }
  assert.deepEqual(await changeAccountKey(db, taken), { outcome: 'key-in-use', accountId: holder.id })
  assert.deepEqual(await changeAccountKey(db, change), { outcome: 'changed', keyVersion: 2 })
  assert.deepEqual(await changeAccountKey(db, { ...change, thumbprint: 'third' }), { outcome: 'stale' })
  assert.equal((await findAccountKey(db, account.id, 'default'))?.thumbprint, 'new')
})

test('of accounts that change to one key at once one gets it', async () => {
  const ids = await Promise.all(Array.from({ length: 10 }, () => anAccount(db)))
  const changes = ids.map((id) => ({
    id,
    directory: 'default',
    keyVersion: 1,
    jwk: { kty: 'EC', x: 'wanted' },
    thumbprint: 'wanted',
    actor: `acme:${id}`,
  }))
  const results = await Promise.all(changes.map((change) => changeAccountKey(db, change)))
  assert.equal(results.filter(({ outcome }) => outcome === 'changed').length, 1)
  assert.equal(results.filter(({ outcome }) => outcome === 'key-in-use').length, 9)
})
