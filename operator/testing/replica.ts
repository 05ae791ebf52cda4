import { randomBytes, randomUUID, verify } from 'node:crypto'
import { createProfiles } from '../../acme/profiles.ts'
import type { Profiles } from '../../acme/profiles.ts'
import {
  createLocalSigner,
  createSelfSignedCa,
  encodePem,
  generatePrivateKey,
  generateSerialNumber,
  loadIssuingCa,
} from '../../ca/index.ts'
import type { IssuingCa } from '../../ca/index.ts'
import type { Db } from '../../store/database.ts'
import { insertIssuerCertificate, setSigningCertificate, upsertIssuer } from '../../store/issuers.ts'
import { upsertProfile } from '../../store/profiles.ts'
import { createIssuerRegistry } from '../issuer-registry.ts'
import type { IssuerRegistry } from '../issuer-registry.ts'
import type { CaSecrets } from '../snapshot/secret-key.ts'
import { createSnapshot } from '../snapshot/snapshot.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'
import { recordingLog } from './recording-log.ts'

/** A CA, and its key as a Secret holds it. */
export interface TestCa {
  readonly ca: IssuingCa
  readonly keyPem: string
}

export async function testCa(commonName = 'Test CA'): Promise<TestCa> {
  const key = await generatePrivateKey({ algorithm: 'ECDSA', curve: 'P-256' })
  const certificateDer = await createSelfSignedCa(
    {
      subject: { commonName },
      notBefore: new Date('2026-01-01T00:00:00Z'),
      notAfter: new Date('2036-01-01T00:00:00Z'),
      pathLength: 1,
      serialNumber: generateSerialNumber(),
    },
    createLocalSigner(key),
  )
  const rootPem = encodePem('CERTIFICATE', certificateDer)
  return {
    ca: loadIssuingCa({ certificateDer, chainPem: '', rootPem }, key),
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** The Secrets of a cluster, as `namespace/name`; a test may also have reading fail or wait. */
export interface TestSecrets extends CaSecrets {
  readonly stored: Map<string, ReadonlyMap<string, string>>
  /** How often one was asked for. */
  readonly reads: number
  /** Called, and waited for, before each answer. */
  before: () => Promise<void>
  put(name: string, ca: TestCa): void
}

export function testSecrets(): TestSecrets {
  let reads = 0
  return {
    stored: new Map(),
    before: () => Promise.resolve(),
    get reads() {
      return reads
    },
    async read(namespace, name) {
      reads += 1
      await this.before()
      return this.stored.get(`${namespace}/${name}`)
    },
    put(name, { ca, keyPem }) {
      this.stored.set(
        `certctl/${name}`,
        new Map([
          ['tls.crt', ca.certificate.pem],
          ['tls.key', keyPem],
          ['ca.crt', ca.rootPem],
        ]),
      )
    },
  }
}

/** What a leader writes of an Issuer. */
export interface IssuerFacts {
  readonly name: string
  readonly uid?: string
  readonly keySecret?: string
  readonly suspended?: boolean
  readonly ceilings?: object
}

/** Writes the row of an Issuer in the namespace certctl; with a CA, that is its next generation and the one that signs. */
export async function declareIssuer(
  db: Db,
  facts: IssuerFacts,
  ca?: IssuingCa,
): Promise<{ issuerId: string; issuerCertificateId: string }> {
  const { name } = facts
  return db.transaction().execute(async (trx) => {
    const declared = { namespace: 'certctl', uid: `uid-of-${name}`, keySecret: `${name}-ca`, ...facts }
    const issuerId = await upsertIssuer(trx, {
      ...declared,
      type: 'CASecret',
      specHash: 'a',
      generation: 1,
      actor: 'test',
    })
    if (issuerId === undefined) throw new Error('the database has a newer issuer')
    if (ca === undefined) return { issuerId, issuerCertificateId: '' }
    const { certificate, chainPem, rootPem } = ca
    const { id: issuerCertificateId } = await insertIssuerCertificate(trx, {
      issuerId,
      certificateDer: certificate.der,
      chainPem,
      rootPem,
      subjectKeyId: certificate.subjectKeyId,
      serialNumber: Buffer.from(certificate.serialNumber, 'hex'),
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      actor: 'test',
    })
    await setSigningCertificate(trx, issuerId, issuerCertificateId)
    return { issuerId, issuerCertificateId }
  })
}

export async function declareProfile(db: Db, name: string, issuerId: string): Promise<void> {
  await db
    .transaction()
    .execute((trx) =>
      upsertProfile(trx, {
        profileId: name,
        namespace: 'certctl',
        name,
        uid: `uid-of-${name}`,
        issuerId,
        generation: 1,
        policy: { authMode: 'TrustAuthenticated' },
        policyHash: 'a',
        actor: 'test',
      }),
    )
}

/** What one process serves from. */
export interface TestReplica {
  readonly id: string
  readonly profiles: Profiles
  readonly registry: IssuerRegistry
  readonly snapshot: Snapshot
  readonly log: ReturnType<typeof recordingLog>
  /** Called, and waited for, before the profiles are read. */
  beforeReading: () => Promise<void>
  /** Called, and waited for, when the profiles have been read. */
  afterReading: () => Promise<void>
}

export function testReplica(db: Db, secrets: CaSecrets): TestReplica {
  const real = createProfiles(db)
  const registry = createIssuerRegistry(undefined)
  const log = recordingLog()
  const profiles: Profiles = {
    get loaded() {
      return real.loaded
    },
    list: () => real.list(),
    find: (id) => real.find(id),
    revision: (id) => real.revision(id),
    async refresh() {
      await replica.beforeReading()
      await real.refresh()
      await replica.afterReading()
    },
  }
  const replica: TestReplica = {
    id: randomUUID(),
    profiles,
    registry,
    log,
    snapshot: createSnapshot({ db, profiles, registry, secrets, ownNamespace: 'certctl', log }),
    beforeReading: () => Promise.resolve(),
    afterReading: () => Promise.resolve(),
  }
  return replica
}

/** The fingerprint of the CA certificate that vouches for what this replica signs for an issuer; undefined where it signs nothing. */
export async function signerOf({ registry }: TestReplica, issuerId: string): Promise<string | undefined> {
  const signing = registry.signing(issuerId)
  if (signing === undefined) return undefined
  const bytes = randomBytes(16)
  const signature = await signing.ca.signer.sign(bytes)
  const { certificate } = signing.ca
  const publicKey = { key: Buffer.from(certificate.subjectPublicKeyInfoDer), format: 'der', type: 'spki' } as const
  return verify('sha256', bytes, publicKey, signature) ? certificate.sha256Fingerprint : 'a key of another certificate'
}
