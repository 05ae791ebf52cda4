import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  buildLeafTbs,
  createLocalSigner,
  createSelfSignedCa,
  generateSerialNumber,
  type IssuingCa,
  loadIssuingCa,
  signTbsCertificate,
} from '../../ca/index.ts'
import { insertAccount } from '../accounts.ts'
import { beginChallenge, completeChallenge } from '../challenges.ts'
import type { Db } from '../database.ts'
import { beginIssuance, completeIssuance, type NewIntent } from '../issuance.ts'
import { insertIssuerCertificate, type NewIssuerCertificate, upsertIssuer } from '../issuers.ts'
import { createOrder, type NewAuthorization, type NewOrder } from '../orders.ts'
import { upsertProfile } from '../profiles.ts'
import {
  type AccountId,
  type AuthorizationId,
  type CertificateId,
  type ChallengeId,
  type ChallengeType,
  newId,
  type OrderId,
} from '../schema.ts'

const DAY_MS = 86_400_000

/** What an order needs to exist, and a CA that can sign for it. */
export interface World {
  issuerId: string
  issuerCertificateId: string
  profileUuid: string
  revisionId: string
  accountId: AccountId
  ca: IssuingCa
}

/** An issuer, a profile and an account of their own. */
export async function aWorld(db: Db): Promise<World> {
  const ca = await aCa()
  const { certificate } = ca
  const name = `world-${randomBytes(4).toString('hex')}`
  const rows = await db.transaction().execute(async (trx) => {
    const issuerId = await upsertIssuer(trx, anIssuer(name))
    if (issuerId === undefined) throw new Error('the database has a newer issuer')
    const { id: issuerCertificateId } = await insertIssuerCertificate(trx, {
      issuerId,
      certificateDer: certificate.der,
      chainPem: ca.chainPem,
      rootPem: ca.rootPem,
      subjectKeyId: certificate.subjectKeyId,
      serialNumber: Buffer.from(certificate.serialNumber, 'hex'),
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      actor: 'controller',
    })
    const profile = await upsertProfile(trx, aProfile(issuerId, name))
    if (profile === undefined) throw new Error('the database has a newer profile')
    return { issuerId, issuerCertificateId, profileUuid: profile.uuid, revisionId: profile.revisionId }
  })
  return { ...rows, ca, accountId: await anAccount(db) }
}

export function anIssuer(name: string) {
  return {
    namespace: 'certctl',
    name,
    uid: name,
    type: 'SelfSigned',
    specHash: 'a',
    generation: 1,
    actor: 'controller',
  }
}

/** A certificate of an issuer as far as the store looks at it; another octet is another one. */
export function aGeneration(issuerId: string, octet: number): NewIssuerCertificate {
  return {
    issuerId,
    certificateDer: Buffer.from([octet]),
    chainPem: '',
    rootPem: '',
    subjectKeyId: Buffer.from([octet]),
    serialNumber: Buffer.from([octet]),
    notBefore: new Date(0),
    notAfter: new Date(1e12),
    actor: 'controller',
  }
}

export function aProfile(issuerId: string, name: string) {
  return {
    profileId: name,
    namespace: 'certctl',
    name,
    uid: name,
    issuerId,
    generation: 1,
    policy: { authMode: 'Challenge' },
    policyHash: 'a',
    actor: 'controller',
  }
}

export async function anAccount(db: Db, directory = 'default'): Promise<AccountId> {
  const id = newId<AccountId>()
  await insertAccount(db, {
    id,
    directory,
    jwk: {
      kty: 'EC',
      crv: 'P-256',
      x: randomBytes(32).toString('base64url'),
      y: randomBytes(32).toString('base64url'),
    },
    thumbprint: randomBytes(32).toString('base64url'),
    contacts: ['mailto:admin@example.com'],
    termsAgreedAt: new Date(0),
    createdFrom: '192.0.2.1',
    actor: `acme:${id}`,
  })
  return id
}

/** The types a profile offers unless it says otherwise. */
export const challengeTypes: readonly ChallengeType[] = ['http-01', 'dns-01', 'tls-alpn-01']

export function anAuthorization(name: string, changes: Partial<NewAuthorization> = {}): NewAuthorization {
  return {
    id: newId<AuthorizationId>(),
    identifier: { type: 'dns', value: name },
    wildcard: false,
    status: 'pending',
    expiresAt: tomorrow(),
    challenges: challengeTypes.map((type) => ({
      id: newId<ChallengeId>(),
      type,
      token: randomBytes(32).toString('base64url'),
    })),
    ...changes,
  }
}

/** A new order for the names, with a pending authorization for each; not yet in the database. */
export function anOrder(
  world: World,
  names: readonly string[] = ['www.example.com'],
  changes: Partial<NewOrder> = {},
): NewOrder {
  const accountId = changes.accountId ?? world.accountId
  return {
    id: newId<OrderId>(),
    accountId,
    profileRevisionId: world.revisionId,
    identifiers: names.map((value) => ({ type: 'dns', value })),
    expiresAt: tomorrow(),
    authorizations: names.map((name) => anAuthorization(name)),
    pendingLimit: 1_000,
    actor: `acme:${accountId}`,
    ...changes,
  }
}

/** An order in the database whose authorizations are born valid, as a profile that trusts its accounts makes them. */
export async function aReadyOrder(db: Db, world: World, names: readonly string[] = ['www.example.com']) {
  const authorizations = names.map((name) => anAuthorization(name, { status: 'valid', challenges: [] }))
  const order = anOrder(world, names, { authorizations })
  await createOrder(db, order)
  return order
}

/** Validates every authorization of an order by its http-01 challenge. */
export async function validateOrder(db: Db, order: NewOrder, owner = 'worker'): Promise<void> {
  for (const { challenges } of order.authorizations) {
    const { id } = challenges[0]!
    await beginChallenge(db, { id, owner, leaseSeconds: 60 })
    await completeChallenge(db, { id, owner, outcome: { status: 'valid' } })
  }
}

/** What finalize would record for an order, with the certificate that signing it makes. */
export async function anIntent(
  world: World,
  order: NewOrder,
  changes: Partial<NewIntent> = {},
): Promise<{ intent: NewIntent; certificate: { id: CertificateId; der: Uint8Array } }> {
  const serialNumber = generateSerialNumber()
  const now = wholeSecond(0)
  const tbsDer = buildLeafTbs({
    issuer: world.ca.certificate,
    signatureAlgorithm: world.ca.signer.signatureAlgorithm,
    subjectPublicKeyInfoDer: subscriberKey,
    serialNumber,
    notBefore: now,
    notAfter: wholeSecond(30 * DAY_MS),
    dnsNames: order.identifiers.map(({ value }) => value),
    ipAddresses: [],
    keyUsages: ['digitalSignature'],
    extendedKeyUsages: ['serverAuth'],
  })
  const intent: NewIntent = {
    orderId: order.id,
    accountId: order.accountId,
    serialNumber,
    tbsDer,
    csrSha256: createHash('sha256').update(order.id).digest(),
    issuerCertificateId: world.issuerCertificateId,
    owner: 'replica-1',
    leaseSeconds: 30,
    ...changes,
  }
  const der = await signTbsCertificate(tbsDer, world.ca.signer)
  return { intent, certificate: { id: newId<CertificateId>(), der } }
}

/** Issues for an order that is ready. */
export async function issue(db: Db, world: World, order: NewOrder): Promise<CertificateId> {
  const { intent, certificate } = await anIntent(world, order)
  if (!(await beginIssuance(db, intent))) throw new Error('the order is not ready')
  const { orderId, owner } = intent
  await completeIssuance(db, { orderId, owner, certificate, actor: order.actor })
  return certificate.id
}

export function tomorrow(): Date {
  return wholeSecond(DAY_MS)
}

function wholeSecond(fromNowMs: number): Date {
  return new Date(Math.floor((Date.now() + fromNowMs) / 1000) * 1000)
}

const subscriberKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
  type: 'spki',
  format: 'der',
})

async function aCa(): Promise<IssuingCa> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const certificateDer = await createSelfSignedCa(
    {
      subject: { commonName: 'Test CA' },
      notBefore: wholeSecond(-DAY_MS),
      notAfter: wholeSecond(3650 * DAY_MS),
      serialNumber: generateSerialNumber(),
    },
    createLocalSigner(privateKey),
  )
  return loadIssuingCa({ certificateDer, chainPem: '', rootPem: '' }, privateKey)
}
