import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before } from 'node:test'
import {
  createLocalSigner,
  createSelfSignedCa,
  encodePem,
  generatePrivateKey,
  generateSerialNumber,
  loadIssuingCa,
  type IssuingCa,
  type NameConstraints,
} from '../../ca/index.ts'
import type { Db } from '../../store/database.ts'
import { insertIssuerCertificate, upsertIssuer } from '../../store/issuers.ts'
import { ensureEpoch } from '../../store/nonce-epoch.ts'
import { upsertProfile } from '../../store/profiles.ts'
import { ensureServerKey } from '../../store/server-keys.ts'

import { setClockOffset } from '../../store/testing/clock.ts'
import { openTestDatabase, type DatabaseKind, type TestDatabase } from '../../store/testing/database.ts'
import { checkInvariants } from '../../store/testing/invariants.ts'
import { createAccountKeys } from '../account-keys.ts'
import type { AcmeDeps } from '../deps.ts'
import { createIssuance } from '../issuance.ts'
import { createNonceService } from '../nonce.ts'
import type { IssuancePolicy, IssuerCeilings } from '../policy.ts'
import type { AcmeConfig, AcmeMetrics, Checkpoint, IssuerLookup, Log, SigningIssuer } from '../ports.ts'
import { createProfiles } from '../profiles.ts'
import { countFailedValidation } from '../rate-limits/failed-validations.ts'
import { defaultRateLimits } from '../rate-limits/limits.ts'
import { createMemoryRateLimiter } from '../rate-limits/memory.ts'
import { createAcmeServer } from '../server.ts'
import type { ValidationOutcome, ValidationRequest } from '../validation/challenge.ts'
import { createValidationWorker, sleep } from '../validation/worker.ts'
import { AcmeClient, type AcmeClientOptions } from './acme-client.ts'

/** A clock that a test moves, the database's with it. */
export interface FakeClock {
  now(): Date
  advance(seconds: number): Promise<void>
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

export interface AcmeServiceOptions {
  /** By id; what a policy leaves out is `trustingPolicy`'s. */
  readonly profiles?: Readonly<Record<string, Partial<IssuancePolicy>>>
  readonly config?: Partial<AcmeConfig>
  /** A kind, or one that the test has opened itself, for instance behind something that fails. */
  readonly database?: DatabaseKind | TestDatabase
  readonly nameConstraints?: NameConstraints
  /** Another one than that of the profiles makes them foreign to the Issuer. */
  readonly issuerNamespace?: string
  /** In place of the network: what a validation finds. */
  readonly validate?: (request: ValidationRequest) => Promise<ValidationOutcome>
  readonly checkpoint?: Checkpoint
}

/** A server on a port of its own, with a real database and a CA of its own; it is gone when its test ends. */
export interface AcmeService {
  readonly url: string
  readonly db: Db
  readonly clock: FakeClock
  readonly deps: AcmeDeps
  readonly rootPem: string
  readonly log: readonly LogLine[]
  /** Takes the signing key away and gives it back. */
  setSignerAvailable(available: boolean): void
  /** What the Issuer permits to profiles of other namespaces, from now on. */
  setCeilings(ceilings: IssuerCeilings): void
  /** Takes the whole process out of service, for that reason, or puts it back. */
  setUnavailable(reason: string | undefined): void
  setProfile(id: string, policy: Partial<IssuancePolicy>): Promise<void>
  directoryUrl(profileId?: string): string
  connect(profileId?: string, options?: Partial<AcmeClientOptions>): Promise<AcmeClient>
  /** A client with an account. */
  register(profileId?: string, options?: Partial<AcmeClientOptions>): Promise<AcmeClient>
}

/** Trusts any account with `*.example.com` and below; every limit is the server's default. */
export const trustingPolicy: IssuancePolicy = {
  authMode: 'TrustAuthenticated',
  challengeTypes: ['http-01', 'dns-01', 'tls-alpn-01'],
  registration: 'Open',
  clientNetworks: [],
  identifiers: { dns: { allowed: ['example.com', '**.example.com'], denied: [], wildcards: true, max: 100 } },
  validity: { defaultSeconds: 90 * 86_400, maxSeconds: 90 * 86_400, backdateSeconds: 300, clientNotAfter: 'Clamp' },
  keyPolicy: [{ algorithm: 'ECDSA' }, { algorithm: 'RSA', minBits: 2048 }, { algorithm: 'Ed25519' }],
  keyUsages: ['digitalSignature'],
  extendedKeyUsages: ['serverAuth'],
  subject: { commonName: 'FromFirstDNS' },
  orderLifetimeSeconds: 86_400,
  authorizationLifetimeSeconds: 86_400,
  rateLimits: {},
  validation: { resolvers: [], allowedNetworks: [] },
  meta: {},
  suspended: false,
}

/** Begins at the real time, which is the database's own: it judges nonces and leases. */
function createFakeClock(db: Db): FakeClock {
  let aheadSeconds = 0
  return {
    now: () => new Date(performance.timeOrigin + performance.now() + aheadSeconds * 1000),
    advance(seconds) {
      aheadSeconds += seconds
      return setClockOffset(db, aheadSeconds)
    },
  }
}

/** Where what ends the service is registered: a test's context, or a suite's own list. */
export interface Cleanup {
  after(end: () => void | Promise<void>): void
}

/** Starts a server for one test: two profiles, `trust` and `challenge`, unless the options name others. */
export async function startAcmeService(t: Cleanup, options: AcmeServiceOptions = {}): Promise<AcmeService> {
  const { database: given = 'postgres' } = options
  const database = typeof given === 'string' ? await openTestDatabase(given) : given
  const { db } = database
  const clock = createFakeClock(db)
  const log: LogLine[] = []
  const issuer = await storeIssuer(db, clock.now(), options)
  const signing: Signing = { available: true, ceilings: {} }
  const serving: { obstacle?: string | undefined } = {}
  const http = createServer()
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const deps = await createDeps({ db, clock, log, url, options, issuers: lookup(issuer, signing) })
  const app = createAcmeServer({ ...deps, available: () => serving.obstacle })
  http.on('request', app)

  const service: AcmeService = {
    url,
    db,
    clock,
    deps,
    rootPem: issuer.ca.rootPem,
    log,
    setSignerAvailable: (available) => void (signing.available = available),
    setCeilings: (ceilings) => void (signing.ceilings = ceilings),
    setUnavailable: (reason) => void (serving.obstacle = reason),
    async setProfile(id, policy) {
      await storeProfile(db, { id, issuerId: issuer.issuerId, policy: { ...trustingPolicy, ...policy } })
      await deps.profiles.refresh()
    },
    directoryUrl: (profileId = 'trust') => `${url}/acme${profileId === '' ? '' : `/profile/${profileId}`}/directory`,
    connect: (profileId, clientOptions) =>
      AcmeClient.connect({ directoryUrl: service.directoryUrl(profileId), ...clientOptions }),
    async register(profileId, clientOptions) {
      const client = await service.connect(profileId, clientOptions)
      await client.newAccount()
      t.after(() => client.close())
      return client
    },
  }
  const profiles = options.profiles ?? { trust: {}, challenge: { authMode: 'Challenge' } }
  for (const [id, policy] of Object.entries(profiles)) await service.setProfile(id, policy)
  t.after(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
    await deps.validation.stop()

    await checkInvariants(db)
    await database.close()
  })
  return service
}

interface StoredIssuer extends SigningIssuer {
  readonly issuerId: string
}

/** What a test may change of the Issuer while the server runs. */
interface Signing {
  available: boolean
  ceilings: IssuerCeilings
}

async function storeIssuer(
  db: Db,
  now: Date,
  { nameConstraints, issuerNamespace: namespace = 'certctl' }: AcmeServiceOptions,
): Promise<StoredIssuer> {
  const privateKey = await generatePrivateKey({ algorithm: 'ECDSA', curve: 'P-256' })
  const spec = {
    subject: { commonName: 'Test CA' },
    notBefore: at(now, -3600),
    notAfter: at(now, 10 * 365 * 86_400),
    serialNumber: generateSerialNumber(),
    ...(nameConstraints && { nameConstraints }),
  }
  const certificateDer = await createSelfSignedCa(spec, createLocalSigner(privateKey))
  const ca = loadIssuingCa(
    { certificateDer, chainPem: '', rootPem: encodePem('CERTIFICATE', certificateDer) },
    privateKey,
  )
  return db.transaction().execute(async (trx) => {
    const issuerId = await upsertIssuer(trx, {
      namespace,
      name: 'test-ca',
      uid: 'test-ca',
      type: 'SelfSigned',
      specHash: 'x',
      generation: 1,
      actor: 'controller',
    })
    if (issuerId === undefined) throw new Error('the issuer was not stored')
    const stored = await insertIssuerCertificate(trx, {
      issuerId,
      certificateDer,
      chainPem: ca.chainPem,
      rootPem: ca.rootPem,
      subjectKeyId: ca.certificate.subjectKeyId,
      serialNumber: spec.serialNumber,
      notBefore: spec.notBefore,
      notAfter: spec.notAfter,
      actor: 'controller',
    })
    return { issuerId, namespace, issuerCertificateId: stored.id, ca, caIssuersUrl: 'http://pki.test/ca/test-ca/1.crt' }
  })
}

function lookup(issuer: StoredIssuer, signing: Readonly<Signing>): IssuerLookup {
  return {
    signing(issuerId) {
      if (!signing.available || issuerId !== issuer.issuerId) return undefined
      return { ...issuer, ceilings: signing.ceilings }
    },
    generation: (id): IssuingCa | undefined => (id === issuer.issuerCertificateId ? issuer.ca : undefined),
  }
}

async function storeProfile(db: Db, profile: { id: string; issuerId: string; policy: IssuancePolicy }): Promise<void> {
  const { id, issuerId, policy } = profile
  await db
    .transaction()
    .execute((trx) =>
      upsertProfile(trx, {
        profileId: id,
        namespace: 'certctl',
        name: id,
        uid: id,
        issuerId,
        generation: 1,
        policy,
        policyHash: JSON.stringify(policy),
        actor: 'controller',
      }),
    )
}

interface DepsInput {
  readonly db: Db
  readonly clock: FakeClock
  readonly log: LogLine[]
  readonly url: string
  readonly options: AcmeServiceOptions
  readonly issuers: IssuerLookup
}

async function createDeps({ db, clock, log: lines, url, options, issuers }: DepsInput): Promise<AcmeDeps> {
  const log = createTestLog(lines)
  const owner = 'test-replica'
  const config: AcmeConfig = {
    externalUrls: [url],
    defaultProfileId: 'trust',
    trustedProxies: [],
    nonceTtlSeconds: 300,
    rateLimits: defaultRateLimits,
    ...options.config,
  }
  const limiter = createMemoryRateLimiter(clock)
  const profiles = createProfiles(db)
  return {
    db,
    config,
    clock,
    log,
    metrics: silentMetrics,
    limiter,
    profiles,
    issuers,
    accountKeys: createAccountKeys(db),
    nonces: createNonceService({
      key: await ensureServerKey(db, 'nonce'),
      epoch: await ensureEpoch(db),
      clock,
      readEpoch: () => ensureEpoch(db),
    }),
    issuance: createIssuance({
      db,
      issuers,
      clock,
      log,
      metrics: silentMetrics,
      owner,
      leaseSeconds: 30,
      ...(options.checkpoint && { checkpoint: options.checkpoint }),
    }),
    validation: createValidationWorker({
      db,
      validator: { validate: options.validate ?? (() => Promise.resolve({ ok: true })) },
      profiles,
      clock,
      log,
      metrics: silentMetrics,
      owner,
      leaseSeconds: 60,
      concurrency: { 'http-01': 10, 'dns-01': 10, 'tls-alpn-01': 10 },
      retryDelaysSeconds: [1, 2],
      pollIntervalSeconds: 1,
      stopGraceSeconds: 1,
      onFailedValidation: (failed) => countFailedValidation(limiter, config.rateLimits, failed),
      sleep,
      ...(options.checkpoint && { checkpoint: options.checkpoint }),
    }),
  }
}

const silentMetrics: AcmeMetrics = {
  request: () => undefined,
  problem: () => undefined,
  validation: () => undefined,
  orderToValid: () => undefined,
  signing: () => undefined,
}

function createTestLog(lines: LogLine[], bound: object = {}): Log {
  const write = (level: LogLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, fields: { ...bound, ...fields }, message })
  return {
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => createTestLog(lines, { ...bound, ...fields }),
  }
}

function at(now: Date, seconds: number): Date {
  return new Date(Math.floor(now.getTime() / 1000) * 1000 + seconds * 1000)
}

/** One service for all tests of a suite, which keep apart by accounts of their own. Call it in the suite's body. */
export function shareAcmeService(options: AcmeServiceOptions = {}): () => AcmeService {
  let service: AcmeService | undefined
  const ends: (() => void | Promise<void>)[] = []
  before(async () => {
    service = await startAcmeService({ after: (end) => ends.push(end) }, options)
  })
  after(async () => {
    for (const end of ends.toReversed()) await end()
  })
  return () => service ?? assert.fail('the suite has not begun')
}
