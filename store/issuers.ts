import { type RawBuilder, sql } from 'kysely'
import { insertAudit } from './audit.ts'
import type { Db, Trx } from './database.ts'

export interface DeclaredIssuer {
  namespace: string
  name: string
  /** Tells an object from another one that had its name before. */
  uid: string
  type: string
  specHash: string
  /** Of the object's spec: an older one never overwrites a newer. */
  generation: number
}

/**
 * Makes the row of an issuer say what its object says, and retires whatever else had that name. Returns its id, or
 * undefined where a newer generation is stored already.
 */
export async function upsertIssuer(trx: Trx, issuer: DeclaredIssuer & { actor: string }): Promise<string | undefined> {
  const namesakes = sql<boolean>`namespace = ${issuer.namespace} and name = ${issuer.name} and uid <> ${issuer.uid}`
  await retireIssuers(trx, namesakes, issuer.actor)
  const { rows } = await sql<{ id: string }>`
    insert into issuers (namespace, name, uid, type, spec_hash, generation)
      values (
        ${issuer.namespace}, ${issuer.name}, ${issuer.uid}, ${issuer.type}, ${issuer.specHash}, ${issuer.generation}
      )
      on conflict (uid) do update
        set spec_hash = excluded.spec_hash, generation = excluded.generation, retired_at = null
        where issuers.generation <= excluded.generation
      returning id`.execute(trx)
  return rows[0]?.id
}

/** Retires the issuer of an object that is gone. Its certificates stay, for what was issued under them. */
export async function retireIssuer(db: Db, { uid, actor }: { uid: string; actor: string }): Promise<boolean> {
  return (await retireIssuers(db, sql<boolean>`uid = ${uid}`, actor)) > 0
}

async function retireIssuers(db: Db, which: RawBuilder<boolean>, actor: string): Promise<number> {
  const { rows } = await sql`
    with retired as (
      update issuers set retired_at = certctl_now() where ${which} and retired_at is null returning id, namespace, name
    )
    insert into audit_events (actor, action, resource_type, resource_id, details)
      select ${actor}, 'issuer.retire', 'issuer', id::text, jsonb_build_object('namespace', namespace, 'name', name)
      from retired
      returning true`.execute(db)
  return rows.length
}

export interface StoredIssuer extends DeclaredIssuer {
  id: string
}

/** Every issuer that is not retired. */
export async function listIssuers(db: Db): Promise<StoredIssuer[]> {
  return db
    .selectFrom('issuers')
    .select(['id', 'namespace', 'name', 'uid', 'type', 'spec_hash as specHash', 'generation'])
    .where('retired_at', 'is', null)
    .orderBy('namespace')
    .orderBy('name')
    .execute()
}

export interface NewIssuerCertificate {
  issuerId: string
  certificateDer: Uint8Array
  /** The issuer first, up to but without a self-signed root. */
  chainPem: string
  rootPem: string
  subjectKeyId: Uint8Array
  serialNumber: Uint8Array
  notBefore: Date
  notAfter: Date
  actor: string
}

/**
 * Stores a certificate of an issuer as its next generation; one that is stored already keeps its own, so that
 * replicas may all bring the same.
 */
export async function insertIssuerCertificate(
  trx: Trx,
  certificate: NewIssuerCertificate,
): Promise<{ id: string; generation: number }> {
  const { issuerId } = certificate
  // Generations are counted one at a time.
  await sql`select from issuers where id = ${issuerId} for no key update`.execute(trx)
  const stored = await trx
    .selectFrom('issuer_certificates')
    .select(['id', 'generation'])
    .where('issuer_id', '=', issuerId)
    .where('certificate_der', '=', certificate.certificateDer)
    .executeTakeFirst()
  if (stored !== undefined) return stored

  const inserted = await trx
    .insertInto('issuer_certificates')
    .values({
      issuer_id: issuerId,
      generation: sql`(
        select coalesce(max(generation), 0) + 1 from issuer_certificates where issuer_id = ${issuerId}
      )`,
      certificate_der: certificate.certificateDer,
      chain_pem: certificate.chainPem,
      root_pem: certificate.rootPem,
      subject_key_id: certificate.subjectKeyId,
      serial_number: certificate.serialNumber,
      not_before: certificate.notBefore,
      not_after: certificate.notAfter,
    })
    .returning(['id', 'generation'])
    .executeTakeFirstOrThrow()
  await insertAudit(trx, {
    actor: certificate.actor,
    action: 'issuer.certificate',
    resourceType: 'issuer',
    resourceId: issuerId,
    details: {
      generation: inserted.generation,
      serial: Buffer.from(certificate.serialNumber).toString('hex'),
      notAfter: certificate.notAfter,
    },
  })
  return inserted
}

export interface IssuerCertificateView {
  id: string
  issuerId: string
  issuerNamespace: string
  issuerName: string
  generation: number
  certificateDer: Uint8Array
  chainPem: string
  rootPem: string
  subjectKeyId: Uint8Array
  serialNumber: Uint8Array
  notBefore: Date
  notAfter: Date
  retiredAt: Date | null
}

/** The certificates of every issuer that is not retired, newest generation first: with the first of each, it signs. */
export async function listIssuerCertificates(db: Db): Promise<IssuerCertificateView[]> {
  return issuerCertificates(db)
    .where('i.retired_at', 'is', null)
    .orderBy('i.namespace')
    .orderBy('i.name')
    .orderBy('k.generation', 'desc')
    .execute()
}

/** One generation, also of an issuer that is retired. */
export async function findIssuerCertificate(db: Db, id: string): Promise<IssuerCertificateView | undefined> {
  return issuerCertificates(db).where('k.id', '=', id).executeTakeFirst()
}

/** Takes a generation out of service: nothing new is to be signed with it. */
export async function retireIssuerCertificate(db: Db, id: string): Promise<boolean> {
  const { rows } = await sql`
    update issuer_certificates set retired_at = certctl_now() where id = ${id} and retired_at is null
      returning true`.execute(db)
  return rows.length > 0
}

function issuerCertificates(db: Db) {
  return db
    .selectFrom('issuer_certificates as k')
    .innerJoin('issuers as i', 'i.id', 'k.issuer_id')
    .select([
      'k.id',
      'k.issuer_id as issuerId',
      'i.namespace as issuerNamespace',
      'i.name as issuerName',
      'k.generation',
      'k.certificate_der as certificateDer',
      'k.chain_pem as chainPem',
      'k.root_pem as rootPem',
      'k.subject_key_id as subjectKeyId',
      'k.serial_number as serialNumber',
      'k.not_before as notBefore',
      'k.not_after as notAfter',
      'k.retired_at as retiredAt',
    ])
}
