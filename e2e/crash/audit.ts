import { createHash, X509Certificate } from 'node:crypto'
import type pg from 'pg'
import { certificatesOf } from '../harness/openssl.ts'
import { cutTbsCertificate } from './certificate-der.ts'
import type { Receipt } from './customer.ts'
import { Violation } from './violation.ts'

/** Rules over whole tables: each query selects the rows that break it. */
const tableRules: Readonly<Record<string, string>> = {
  'order and certificate refer to each other': `
    select o.id as order_id, o.certificate_id, c.id
      from orders o full join certificates c on c.order_id = o.id
      where o.certificate_id is distinct from c.id`,
  'no certificate is without an intent of the same serial number that was recorded before it': `
    select c.order_id, c.created_at, i.created_at as intent_created_at
      from certificates c left join issuance_intents i on i.order_id = c.order_id
      where i.order_id is null or i.serial_number <> c.serial_number or i.created_at > c.created_at`,
  'no serial number is used twice': `
    select serial_number, count(*) from (
        select order_id, serial_number from certificates
        union
        select order_id, serial_number from issuance_intents
      ) used group by serial_number having count(*) > 1`,
  'no order has two certificates': `
    select order_id, count(*) from certificates group by order_id having count(*) > 1`,
  'every certificate has one event that tells of its issuance, and there are no others': `
    select c.order_id, e.order_id as told, count(*)
      from certificates c
        full join (
          select details->>'order' as order_id from audit_events where action = 'certificate.issue'
        ) e on e.order_id = c.order_id
      group by c.order_id, e.order_id
      having count(*) <> 1 or c.order_id is null or e.order_id is null`,
  'no order failed, and no authorization': `
    select o.id, o.error::text as failure from orders o where o.error is not null
    union all
    select a.id, a.status from authorizations a where a.status not in ('pending', 'valid')`,
  'a challenge and its authorization agree': `
    select c.id, c.status, a.status as authorization_status
      from challenges c join authorizations a on a.id = c.authorization_id
      where c.responded_at is not null and (c.status, a.status) not in (('processing', 'pending'), ('valid', 'valid'))`,
  'every proven challenge has one event that tells so': `
    select c.id, count(e.id)
      from challenges c left join audit_events e on e.resource_id = c.id and e.action = 'challenge.valid'
      where c.status = 'valid' group by c.id having count(e.id) <> 1`,
}

/** Rules over the order in which things happened. */
const journalRules: Readonly<Record<string, string>> = {
  'statuses change as the transition tables permit': `
    select seq, relation, id, before->>'status' as status_before, after->>'status' as status_after
      from crash_test.journal
      where operation = 'UPDATE' and before->>'status' <> after->>'status'
        and (relation, before->>'status', after->>'status') not in (
          ('challenges', 'pending', 'processing'), ('challenges', 'processing', 'valid'),
          ('authorizations', 'pending', 'valid'))`,
  'what was recorded to be signed never changes': `
    select seq, id from crash_test.journal
      where relation = 'issuance_intents' and (
        operation = 'DELETE' or
        operation = 'UPDATE' and before - 'owner' - 'leased_until' <> after - 'owner' - 'leased_until')`,
  'a certificate is recorded once, after its intent, and never changes': `
    select seq, operation, id from crash_test.journal stored
      where relation = 'certificates' and (
        operation <> 'INSERT' or not exists (
          select from crash_test.journal intended
            where intended.relation = 'issuance_intents' and intended.operation = 'INSERT'
              and intended.id = stored.after->>'order_id' and intended.seq < stored.seq))`,
  'an order that has its certificate never changes': `
    select seq, operation, before, after from crash_test.journal
      where relation = 'orders' and before->>'certificate_id' is not null`,
}

const leases = `
  select 'challenges' as relation, id, locked_by as owner, locked_until as until from challenges where locked_by is not null
  union all
  select 'issuance_intents', order_id, owner, leased_until from issuance_intents where leased_until is not null`

/** Judges everything that is stored and everything that was. */
export async function auditTables(db: pg.Pool): Promise<void> {
  for (const [rule, query] of Object.entries({ ...tableRules, ...journalRules })) {
    const { rows } = await db.query(query)
    if (rows.length > 0) throw new Violation(`broken: ${rule}`, { rows })
  }
}

/** When all clients are satisfied, nothing is owned by anybody any more. */
export async function auditLeases(db: pg.Pool): Promise<void> {
  const { rows } = await db.query(leases)
  if (rows.length > 0) throw new Violation('broken: no lease is left when everything is quiet', { rows })
}

interface Issuance {
  readonly order_id: string
  readonly certificates: string
  readonly serial_number: Buffer
  readonly der: Buffer
  readonly tbs_der: Buffer
  readonly csr_sha256: Buffer
}

/** Holds what clients were told against what is stored: for each of them exactly the one certificate that it has. */
export async function auditReceipts(db: pg.Pool, receipts: readonly Receipt[]): Promise<void> {
  const { rows } = await db.query<Issuance>(
    `select asked.id as order_id, count(*) over (partition by asked.id) as certificates,
        c.serial_number, c.der, i.tbs_der, i.csr_sha256
      from unnest($1::text[]) asked(id)
        join certificates c on c.order_id = asked.id
        join issuance_intents i on i.order_id = asked.id`,
    [receipts.map(({ orderId }) => orderId)],
  )
  const stored = new Map(rows.map((row) => [row.order_id, row]))
  for (const receipt of receipts) {
    const faults = faultsOf(receipt, stored.get(receipt.orderId))
    if (faults.length > 0) {
      throw new Violation(`broken: what a client was told is what is stored (order ${receipt.orderId})`, {
        rows: faults,
      })
    }
  }
}

function faultsOf(receipt: Receipt, issuance: Issuance | undefined): string[] {
  if (issuance === undefined) return ['its certificate is lost']
  const leaf = certificatesOf(receipt.chainPem)[0]
  const certificate = new X509Certificate(issuance.der)
  const names = receipt.names.map((name) => `DNS:${name}`)
  const csrSha256 = createHash('sha256').update(receipt.csrDer).digest()
  const rules = {
    'it has exactly one certificate': issuance.certificates === '1',
    'the client has that certificate': leaf?.raw.equals(issuance.der),
    'the bytes that were signed are the bytes that were recorded': cutTbsCertificate(issuance.der).equals(
      issuance.tbs_der,
    ),
    'the serial number is the recorded one':
      certificate.serialNumber.toLowerCase() === issuance.serial_number.toString('hex'),
    'it is for the names of the order':
      certificate.subjectAltName?.split(', ').toSorted().join() === names.toSorted().join(),
    "it was issued for this client's CSR": csrSha256.equals(issuance.csr_sha256),
  }
  return Object.entries(rules).flatMap(([rule, holds]) => (holds === true ? [] : [`not true: ${rule}`]))
}
