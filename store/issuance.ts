import { createHash, X509Certificate } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from './database.ts'
import type { AccountId, CertificateId, OrderId, StoredProblem } from './schema.ts'

export interface NewIntent {
  orderId: OrderId
  accountId: AccountId
  serialNumber: Uint8Array
  /** The whole tbsCertificate: the only bytes that will ever be signed for this order. */
  tbsDer: Uint8Array
  csrSha256: Uint8Array
  issuerCertificateId: string
  /** Which CRL the tbsCertificate points to. */
  crlShard?: number
  owner: string
  leaseSeconds: number
}

/**
 * Takes an order from `ready` to `processing` by recording what will be signed for it. False where the order is not
 * ready now or its account not valid (judged again here, by the database's clock), or another request came first. A
 * serial number used before is a unique violation of issuance_intents_serial_number_key.
 */
export async function beginIssuance(db: Db, intent: NewIntent): Promise<boolean> {
  const { rows } = await sql`
    with clock as materialized (select certctl_now() as now)
    insert into issuance_intents (
        order_id, owner, leased_until, created_at, issuer_certificate_id, crl_shard, serial_number, csr_sha256, tbs_der
      )
      select o.id, ${intent.owner}, clock.now + make_interval(secs => ${intent.leaseSeconds}), clock.now,
          ${intent.issuerCertificateId}, ${intent.crlShard ?? 0}, ${intent.serialNumber}, ${intent.csrSha256},
          ${intent.tbsDer}
        from orders o, clock
        where o.id = ${intent.orderId} and o.account_id = ${intent.accountId}
          and o.certificate_id is null and o.error is null and o.expires_at > clock.now
          and exists (select from accounts where id = o.account_id and status = 'valid')
          and (
            select count(*) = jsonb_array_length(o.identifiers)
                and bool_and(a.status = 'valid' and a.expires_at > clock.now)
              from order_authorizations oa join authorizations a on a.id = oa.authorization_id
              where oa.order_id = o.id
          )
      on conflict (order_id) do nothing
      returning true`.execute(db)
  return rows.length > 0
}

export interface Completion {
  orderId: OrderId
  owner: string
  certificate: { id: CertificateId; der: Uint8Array }
  actor: string
}

/**
 * Commits the certificate of an order and with it the order's being `valid`, if `owner` still holds the intent and the
 * order has neither certificate nor error. Returns the id of the certificate that the order has now, which is another
 * one where somebody else was faster, or undefined where it has none.
 */
export async function completeIssuance(db: Db, completion: Completion): Promise<CertificateId | undefined> {
  const { orderId, certificate } = completion
  const { validFromDate, validToDate, publicKey } = new X509Certificate(certificate.der)
  const publicKeySha256 = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
  const { rows } = await sql<{ id: CertificateId }>`
    with fenced as (
      update issuance_intents set owner = null, leased_until = null
        where order_id = ${orderId} and owner = ${completion.owner}
        returning order_id, issuer_certificate_id, crl_shard, serial_number
    ),
    finished as (
      update orders o set certificate_id = ${certificate.id}
        from fenced
        where o.id = fenced.order_id and o.certificate_id is null and o.error is null
        returning o.id, o.account_id, o.profile_revision_id
    ),
    stored as (
      insert into certificates (
          id, order_id, account_id, profile_revision_id, issuer_certificate_id, crl_shard, serial_number,
          public_key_sha256, not_before, not_after, der
        )
        select ${certificate.id}, finished.id, finished.account_id, finished.profile_revision_id,
            fenced.issuer_certificate_id, fenced.crl_shard, fenced.serial_number, ${publicKeySha256}::bytea,
            ${validFromDate}::timestamptz, ${validToDate}::timestamptz, ${certificate.der}::bytea
          from finished join fenced on fenced.order_id = finished.id
        returning id, order_id, serial_number, not_after
    ),
    audited as (
      insert into audit_events (actor, action, resource_type, resource_id, details)
        select ${completion.actor}, 'certificate.issue', 'certificate', id,
          jsonb_build_object('order', order_id, 'serial', encode(serial_number, 'hex'), 'notAfter', not_after)
        from stored
    )
    select id from stored`.execute(db)
  return rows[0]?.id ?? findCertificateOfOrder(db, orderId)
}

/** Ends an order for good, if `owner` still holds its intent: `processing -> invalid`. False where it doesn't. */
export async function failIssuance(
  db: Db,
  failure: { orderId: OrderId; owner: string; error: StoredProblem; actor: string },
): Promise<boolean> {
  const { rows } = await sql`
    with fenced as (
      update issuance_intents set owner = null, leased_until = null
        where order_id = ${failure.orderId} and owner = ${failure.owner}
        returning order_id
    ),
    failed as (
      update orders o set error = ${JSON.stringify(failure.error)}::jsonb
        from fenced
        where o.id = fenced.order_id and o.certificate_id is null and o.error is null
        returning o.id, o.error
    )
    insert into audit_events (actor, action, resource_type, resource_id, details)
      select ${failure.actor}, 'order.fail', 'order', id, jsonb_build_object('error', error) from failed
      returning true`.execute(db)
  return rows.length > 0
}

export interface ClaimedIntent {
  orderId: OrderId
  accountId: AccountId
  profileRevisionId: string
  orderCreatedAt: Date
  issuerCertificateId: string
  serialNumber: Uint8Array
  tbsDer: Uint8Array
}

/**
 * Takes over what owners have begun and not finished while their lease lasted, oldest first. Claims of different
 * processes never overlap and never wait for each other.
 */
export async function claimExpiredIntents(
  db: Db,
  claim: { owner: string; leaseSeconds: number; limit: number },
): Promise<ClaimedIntent[]> {
  const { rows } = await sql<ClaimedIntent>`
    with expired as (
      select order_id from issuance_intents
        where leased_until <= (select certctl_now())
        order by leased_until
        limit ${claim.limit}
        for no key update skip locked
    )
    update issuance_intents i
      set owner = ${claim.owner}, leased_until = certctl_now() + make_interval(secs => ${claim.leaseSeconds})
      from expired, orders o
      where i.order_id = expired.order_id and o.id = i.order_id
      returning o.id as "orderId", o.account_id as "accountId", o.profile_revision_id as "profileRevisionId",
        o.created_at as "orderCreatedAt", i.issuer_certificate_id as "issuerCertificateId",
        i.serial_number as "serialNumber", i.tbs_der as "tbsDer"`.execute(db)
  return rows
}

/** Ends the leases of all intents that this owner has not finished, so that the others need not wait for them. */
export async function releaseIntents(db: Db, owner: string): Promise<number> {
  const { rows } = await sql`
    update issuance_intents set leased_until = certctl_now()
      where owner = ${owner} and leased_until is not null
      returning true`.execute(db)
  return rows.length
}

export interface IntentView {
  orderId: OrderId
  issuerCertificateId: string
  serialNumber: Uint8Array
  csrSha256: Uint8Array
  tbsDer: Uint8Array
  createdAt: Date
}

/** What was, or will be, signed for an order; gone some time after the order has ended. */
export async function findIntent(db: Db, orderId: OrderId): Promise<IntentView | undefined> {
  return db
    .selectFrom('issuance_intents')
    .select([
      'order_id as orderId',
      'issuer_certificate_id as issuerCertificateId',
      'serial_number as serialNumber',
      'csr_sha256 as csrSha256',
      'tbs_der as tbsDer',
      'created_at as createdAt',
    ])
    .where('order_id', '=', orderId)
    .executeTakeFirst()
}

async function findCertificateOfOrder(db: Db, orderId: OrderId): Promise<CertificateId | undefined> {
  const row = await db.selectFrom('orders').select('certificate_id').where('id', '=', orderId).executeTakeFirst()
  return row?.certificate_id ?? undefined
}
