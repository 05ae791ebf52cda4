import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from '../database.ts'

/**
 * Verifies from storage what must be true whatever happened: to be called at the end of a test, and after chaos. Reads
 * the bytes of every certificate; needs what the janitor has not yet pruned.
 */
export async function checkInvariants(db: Db): Promise<void> {
  for (const [rule, query] of Object.entries(violations)) {
    const { rows } = await query.execute(db)
    assert.deepEqual(rows, [], rule)
  }
  await checkCertificates(db)
}

/** Each selects the rows that break the rule it is named by. */
const violations = {
  'an order with a certificate has, for each identifier, one authorization that was valid when it was signed': sql`
    select o.id from orders o join issuance_intents i on i.order_id = o.id
      where o.certificate_id is not null
        and (
          select count(*) filter (where a.validated_at <= i.created_at and a.expires_at > i.created_at)
            from order_authorizations oa join authorizations a on a.id = oa.authorization_id
            where oa.order_id = o.id
        ) <> jsonb_array_length(o.identifiers)`,
  'every authorization of an order is of its account and for one of its identifiers': sql`
    select o.id, a.id as authorization
      from orders o
        join order_authorizations oa on oa.order_id = o.id
        join authorizations a on a.id = oa.authorization_id
      where a.account_id <> o.account_id
        or not o.identifiers @> jsonb_build_array(jsonb_build_object(
          'type', a.identifier_type, 'value', case when a.wildcard then '*.' else '' end || a.identifier_value))`,
  'order and certificate name each other': sql`
    select o.id, k.id as certificate from orders o full join certificates k on k.order_id = o.id
      where o.certificate_id is distinct from k.id`,
  'a certificate has the serial number, issuer and shard of the intent, recorded before it': sql`
    select k.id from certificates k join issuance_intents i on i.order_id = k.order_id
      where (k.serial_number, k.issuer_certificate_id, k.crl_shard)
          <> (i.serial_number, i.issuer_certificate_id, i.crl_shard)
        or k.created_at < i.created_at`,
  'a certificate is of the account and the profile revision of its order': sql`
    select k.id from certificates k join orders o on o.id = k.order_id
      where (k.account_id, k.profile_revision_id) <> (o.account_id, o.profile_revision_id)`,
  'an intent is leased exactly while its order has neither certificate nor error': sql`
    select o.id from orders o join issuance_intents i on i.order_id = o.id
      where (i.leased_until is null) <> (o.certificate_id is not null or o.error is not null)`,
  'no lease lacks an owner or a time, and only challenges in processing are leased': sql`
    select c.id from challenges c
      where (c.locked_by is null) <> (c.locked_until is null) or (c.locked_by is not null and c.status <> 'processing')`,
  'an authorization that a challenge decided has its status': sql`
    select a.id from authorizations a
      where a.status = 'pending' and exists (
        select from challenges c where c.authorization_id = a.id and c.status in ('valid', 'invalid')
      )`,
  'every certificate, and every order, has exactly one event that tells of its making': sql`
    select made.id, count(e.id) from (
        select id, 'certificate.issue' as action from certificates
        union all
        select id, 'order.create' from orders
      ) made left join audit_events e on e.resource_id = made.id and e.action = made.action
      group by made.id having count(e.id) <> 1`,
}

async function checkCertificates(db: Db): Promise<void> {
  const { rows } = await sql<{
    der: Uint8Array
    tbs_der: Uint8Array
    serial_number: Uint8Array
    identifiers: { type: string; value: string }[]
    not_before: Date
    not_after: Date
  }>`
    select k.der, i.tbs_der, k.serial_number, o.identifiers, k.not_before, k.not_after
      from certificates k join orders o on o.id = k.order_id join issuance_intents i on i.order_id = k.order_id
  `.execute(db)
  for (const row of rows) {
    const certificate = new X509Certificate(row.der)
    const names = row.identifiers.map(({ type, value }) => `${type === 'dns' ? 'DNS' : 'IP Address'}:${value}`)
    assert.deepEqual(Buffer.from(tbsOf(row.der)), Buffer.from(row.tbs_der), 'signed are the bytes that were recorded')
    assert.equal(
      certificate.serialNumber.toLowerCase(),
      Buffer.from(row.serial_number).toString('hex'),
      'the serial number stored is the one signed',
    )
    assert.deepEqual(
      certificate.subjectAltName?.split(', ').toSorted(),
      names.toSorted(),
      'the names signed are the identifiers of the order',
    )
    assert.deepEqual([certificate.validFromDate, certificate.validToDate], [row.not_before, row.not_after])
  }
}

/** The first element of the outer SEQUENCE (RFC 5280 section 4.1): its own header included. */
function tbsOf(certificateDer: Uint8Array): Uint8Array {
  const { contentStart } = readHeader(certificateDer, 0)
  return certificateDer.subarray(contentStart, readHeader(certificateDer, contentStart).end)
}

function readHeader(der: Uint8Array, start: number): { contentStart: number; end: number } {
  assert.equal(der[start], 0x30, 'a SEQUENCE')
  const first = der[start + 1]!
  if (first < 0x80) return { contentStart: start + 2, end: start + 2 + first }
  const contentStart = start + 2 + (first & 0x7f)
  const length = der.subarray(start + 2, contentStart).reduce((total, octet) => total * 256 + octet, 0)
  return { contentStart, end: contentStart + length }
}
