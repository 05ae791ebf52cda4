import { type RawBuilder, sql } from 'kysely'
import { insertAudit } from './audit.ts'
import type { Db, Trx } from './database.ts'
import { lockObject } from './object-lock.ts'

export interface DeclaredIssuer {
  namespace: string
  name: string
  /** Tells an object from another one that had its name before. */
  uid: string
  type: string
  specHash: string
  /** Of the object's spec: an older one never overwrites a newer. */
  generation: number
  /** The Secret in its namespace that has its key; none where the key is elsewhere. */
  keySecret?: string | null
  /** Whether nothing is to be signed; no by default. */
  suspended?: boolean
  /** What a profile of another namespace can't exceed; nothing by default. */
  ceilings?: object | null
}

/**
 * Makes the row of an issuer say what its object says, and retires whatever else had that name. Returns its id, or
 * undefined where a newer generation is stored already.
 */
export async function upsertIssuer(trx: Trx, issuer: DeclaredIssuer & { actor: string }): Promise<string | undefined> {
  await lockObject(trx, 'issuer', issuer)
  const namesakes = sql<boolean>`namespace = ${issuer.namespace} and name = ${issuer.name} and uid <> ${issuer.uid}`
  await retireIssuers(trx, namesakes, issuer.actor)
  const ceilings = issuer.ceilings ? JSON.stringify(issuer.ceilings) : null
  const { rows } = await sql<{ id: string }>`
    insert into issuers (namespace, name, uid, type, spec_hash, generation, key_secret, suspended, ceilings)
      values (
        ${issuer.namespace}, ${issuer.name}, ${issuer.uid}, ${issuer.type}, ${issuer.specHash}, ${issuer.generation},
        ${issuer.keySecret ?? null}, ${issuer.suspended ?? false}, ${ceilings}::jsonb
      )
      on conflict (uid) do update
        set spec_hash = excluded.spec_hash, generation = excluded.generation, retired_at = null,
          key_secret = excluded.key_secret, suspended = excluded.suspended, ceilings = excluded.ceilings
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

/**
 * Says which generation of an issuer signs, or that none does. Returns false where the issuer has no such certificate,
 * or says so already.
 */
export async function setSigningCertificate(
  trx: Trx,
  issuerId: string,
  issuerCertificateId: string | null,
): Promise<boolean> {
  const { rows } = await sql`
    with changed as (
      update issuers i set signing_certificate_id = k.id
        from (select ${issuerCertificateId}::uuid as id) wanted
          left join issuer_certificates k on k.id = wanted.id and k.issuer_id = ${issuerId}
        where i.id = ${issuerId} and i.signing_certificate_id is distinct from k.id
          and k.id is not distinct from wanted.id
        returning i.id, k.generation
    )
    insert into audit_events (actor, action, resource_type, resource_id, details)
      select 'controller', 'issuer.sign-with', 'issuer', id::text, jsonb_build_object('generation', generation) from changed
      returning true`.execute(trx)
  return rows.length > 0
}

export interface StoredIssuer<Ceilings = unknown> {
  id: string
  namespace: string
  name: string
  uid: string
  type: string
  specHash: string
  generation: number
  keySecret: string | null
  suspended: boolean
  ceilings: Ceilings | null
  /** The generation that signs. */
  signingCertificateId: string | null
  /** The snapshot version of its last change. */
  version: number
  retiredAt: Date | null
}

/** Every issuer that is not retired. `Ceilings` is what the caller stored: it is not checked. */
export async function listIssuers<Ceilings>(db: Db): Promise<StoredIssuer<Ceilings>[]> {
  const issuers = issuerRows(db).where('retired_at', 'is', null).orderBy('namespace').orderBy('name')
  return (await issuers.execute()) as StoredIssuer<Ceilings>[]
}

/** The issuer of that object, as listIssuers gives it. */
export async function findIssuer<Ceilings>(
  db: Db,
  object: { namespace: string; name: string },
): Promise<StoredIssuer<Ceilings> | undefined> {
  const { namespace, name } = object
  const issuer = await issuerRows(db)
    .where('namespace', '=', namespace)
    .where('name', '=', name)
    .where('retired_at', 'is', null)
    .executeTakeFirst()
  return issuer as StoredIssuer<Ceilings> | undefined
}

/** The issuer of the object with that uid, also when it is retired. */
export async function findIssuerByUid<Ceilings>(db: Db, uid: string): Promise<StoredIssuer<Ceilings> | undefined> {
  const issuer = await issuerRows(db).where('uid', '=', uid).executeTakeFirst()
  return issuer as StoredIssuer<Ceilings> | undefined
}

/** The issuer of that row, also when it is retired. */
export async function findIssuerById<Ceilings>(db: Db, id: string): Promise<StoredIssuer<Ceilings> | undefined> {
  const row = await issuerRows(db).where('id', '=', id).executeTakeFirst()
  return row as StoredIssuer<Ceilings> | undefined
}

function issuerRows(db: Db) {
  return db
    .selectFrom('issuers')
    .select([
      'id',
      'namespace',
      'name',
      'uid',
      'type',
      'spec_hash as specHash',
      'generation',
      'key_secret as keySecret',
      'suspended',
      'ceilings',
      'signing_certificate_id as signingCertificateId',
      'version',
      'retired_at as retiredAt',
    ])
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

/**
 * The certificates of the retired issuers that changed after that snapshot version: what they issued can still be
 * downloaded with its chain.
 */
export async function listRetiredIssuersCertificates(
  db: Db,
  { changedAfter }: { changedAfter: number },
): Promise<IssuerCertificateView[]> {
  return issuerCertificates(db)
    .where('i.retired_at', 'is not', null)
    .where('i.version', '>', changedAfter)
    .orderBy('k.id')
    .execute()
}

/** Every generation of one issuer, newest first, also when it is retired. */
export async function listCertificatesOf(db: Db, issuerId: string): Promise<IssuerCertificateView[]> {
  return issuerCertificates(db).where('k.issuer_id', '=', issuerId).orderBy('k.generation', 'desc').execute()
}

/** One generation, also of an issuer that is retired. */
export async function findIssuerCertificate(db: Db, id: string): Promise<IssuerCertificateView | undefined> {
  return issuerCertificates(db).where('k.id', '=', id).executeTakeFirst()
}

/** Takes a generation out of service: nothing new is to be signed with it. */
export async function retireIssuerCertificate(db: Db, id: string): Promise<boolean> {
  const { rows } = await sql`
    with issuer as (
      select id from issuers where id = (select issuer_id from issuer_certificates where id = ${id}) for no key update
    )
    update issuer_certificates k set retired_at = certctl_now() from issuer
      where k.id = ${id} and k.issuer_id = issuer.id and k.retired_at is null
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
