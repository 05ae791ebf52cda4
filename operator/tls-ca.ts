import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import {
  createLocalSigner,
  createSelfSignedCa,
  decodePem,
  encodePem,
  generatePrivateKey,
  generateSerialNumber,
  loadIssuingCa,
} from '../ca/index.ts'
import type { IssuingCa } from '../ca/index.ts'

/** The listener's own CA as it is stored. Members are absent where nothing is stored. */
export interface ListenerCa {
  /** Every CA certificate that clients must trust: the one that signs, its successor, and predecessors until they end. */
  readonly bundlePem?: string
  /** The key that signs leaves. */
  readonly keyPem?: string
  /** The key of the successor, made and published before it signs. */
  readonly nextKeyPem?: string
}

/** What a store must hold from now on, and the CA that signs leaves now. */
export interface SettledCa {
  /** The very object that was given where nothing has to change. */
  readonly stored: ListenerCa
  readonly signing: IssuingCa
}

const day = 24 * 3600 * 1000
const caLifetime = 3650 * day
/** A new CA is published this long before the old one ends … */
const caOverlap = 365 * day
/** … and clients have this long to pick it up before a leaf of it is served. */
const caNotice = 30 * day
/** How far certificates begin in the past, for clients whose clock is behind. */
export const backdate = 5 * 60 * 1000

/**
 * Decides from what is stored which CA signs at `now`: makes what is missing, publishes a successor a year before the
 * end, and puts it in its predecessor's place after its notice. Writes nothing. Throws where a key or the bundle can't
 * be read.
 */
export async function settleListenerCa(stored: ListenerCa, now: Date): Promise<SettledCa> {
  const current = await ensureCa({ what: 'ca.key', bundlePem: stored.bundlePem, keyPem: stored.keyPem }, now)
  const withCurrent = { ...stored, bundlePem: current.bundlePem, keyPem: current.keyPem }
  if (current.ca.certificate.notAfter.getTime() - now.getTime() > caOverlap) {
    return { stored: unlessSame(stored, withCurrent), signing: current.ca }
  }
  const next = await ensureCa({ what: 'ca-next.key', bundlePem: current.bundlePem, keyPem: stored.nextKeyPem }, now)
  if (next.ca.certificate.notBefore.getTime() + caNotice > now.getTime()) {
    const withNext = { ...withCurrent, bundlePem: next.bundlePem, nextKeyPem: next.keyPem }
    return { stored: unlessSame(stored, withNext), signing: current.ca }
  }
  return { stored: { bundlePem: next.bundlePem, keyPem: next.keyPem }, signing: next.ca }
}

interface EnsuredCa {
  readonly bundlePem: string
  readonly keyPem: string
  readonly ca: IssuingCa
}

/** The CA of a key: both are made where they are missing or have ended. */
async function ensureCa(
  { what, bundlePem = '', keyPem }: { what: string; bundlePem: string | undefined; keyPem: string | undefined },
  now: Date,
): Promise<EnsuredCa> {
  const key =
    keyPem === undefined
      ? await generatePrivateKey({ algorithm: 'ECDSA', curve: 'P-256' })
      : readPrivateKey(what, keyPem)
  const ensuredKeyPem = keyPem ?? key.export({ type: 'pkcs8', format: 'pem' }).toString()
  const trusted = certificatesIn(bundlePem).filter(({ validToDate }) => validToDate > now)
  const existing = trusted.find((certificate) => certificate.checkPrivateKey(key))
  if (existing !== undefined) return { bundlePem, keyPem: ensuredKeyPem, ca: asCa(existing.raw, key) }
  const der = await makeCa(key, now)
  const bundle = [...trusted.map(({ raw }) => new Uint8Array(raw)), der]
  return {
    bundlePem: bundle.map((one) => encodePem('CERTIFICATE', one)).join(''),
    keyPem: ensuredKeyPem,
    ca: asCa(der, key),
  }
}

function readPrivateKey(what: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new Error(`${what} of the listener's CA holds no private key; take it away to have a new one made`, { cause })
  }
}

function makeCa(key: KeyObject, now: Date): Promise<Uint8Array> {
  return createSelfSignedCa(
    {
      subject: { commonName: 'certctl listener CA' },
      notBefore: wholeSecond(now.getTime() - backdate),
      notAfter: wholeSecond(now.getTime() + caLifetime),
      pathLength: 0,
      serialNumber: generateSerialNumber(),
    },
    createLocalSigner(key),
  )
}

function certificatesIn(pem: string): X509Certificate[] {
  return decodePem(pem, 'CERTIFICATE').map((der) => new X509Certificate(der))
}

function asCa(der: Uint8Array, key: KeyObject): IssuingCa {
  const certificateDer = new Uint8Array(der)
  return loadIssuingCa({ certificateDer, chainPem: '', rootPem: encodePem('CERTIFICATE', certificateDer) }, key)
}

function unlessSame(before: ListenerCa, after: ListenerCa): ListenerCa {
  const same =
    before.bundlePem === after.bundlePem && before.keyPem === after.keyPem && before.nextKeyPem === after.nextKeyPem
  return same ? before : after
}

/** Cut to the second, as certificates hold their times. */
export function wholeSecond(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000)
}
