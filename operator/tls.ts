import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFile, rename } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import {
  buildLeafTbs,
  createLocalSigner,
  createSelfSignedCa,
  decodePem,
  encodePem,
  generatePrivateKey,
  generateSerialNumber,
  lintTbsCertificate,
  loadIssuingCa,
  signTbsCertificate,
} from '../ca/index.ts'
import type { IssuingCa } from '../ca/index.ts'
import { createWhole, ensurePrivateFolder, readIfExists, writeWhole } from './files.ts'

/** What the ACME listener shows its clients. */
export interface ServingCertificate {
  readonly certPem: string
  readonly keyPem: string
}

/** Where the listener's certificate comes from. */
export interface ServingCertificates {
  /** What clients must trust; absent where the certificate was brought along. */
  readonly caFile?: string
  /** The certificate to serve at `now`, renewed first where it is due. Cheap when nothing is. */
  current(now: Date): Promise<ServingCertificate>
}

const day = 24 * 3600 * 1000
const caLifetime = 3650 * day
const leafLifetime = 90 * day
/** A new CA is published this long before the old one ends … */
const caOverlap = 365 * day
/** … and clients have this long to pick it up before a leaf of it is served. */
const caNotice = 30 * day
const backdate = 5 * 60 * 1000

/** A certificate that somebody else made and renews, reread every time. */
export function broughtCertificate(files: { certFile: string; keyFile: string }): ServingCertificates {
  return {
    async current() {
      const [certPem, keyPem] = await Promise.all([readFile(files.certFile, 'utf8'), readFile(files.keyFile, 'utf8')])
      const certificate = new X509Certificate(certPem)
      if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) {
        throw new Error(`the key in ${files.keyFile} does not belong to the certificate in ${files.certFile}`)
      }
      return { certPem, keyPem }
    },
  }
}

/**
 * A certificate of the server's own making, signed by a small CA of its own in `folder`: `ca.crt` is what clients must
 * trust, `tls.crt` and `tls.key` are what is served. Several processes may share the folder.
 */
export function ownCertificate(folder: string, hosts: readonly string[]): ServingCertificates {
  const files = {
    caCert: join(folder, 'ca.crt'),
    caKey: join(folder, 'ca.key'),
    nextCaKey: join(folder, 'ca-next.key'),
    cert: join(folder, 'tls.crt'),
    key: join(folder, 'tls.key'),
  }

  async function current(now: Date): Promise<ServingCertificate> {
    await ensurePrivateFolder(folder)
    const ca = await currentCa(now)
    const served = await readServed()
    return served !== undefined && isUsable(served, { ca, hosts, now }) ? served : issue(ca, now)
  }

  /** The CA that signs leaves now. Its successor is made, published and, after its notice, put in its place. */
  async function currentCa(now: Date): Promise<IssuingCa> {
    const ca = await ensureCa(files.caKey, now)
    const remaining = ca.certificate.notAfter.getTime() - now.getTime()
    if (remaining > caOverlap) return ca
    const next = await ensureCa(files.nextCaKey, now)
    if (next.certificate.notBefore.getTime() + caNotice > now.getTime() && remaining > 0) return ca
    await rename(files.nextCaKey, files.caKey)
    return next
  }

  /** The CA of a key file, both made if there is none. It is in ca.crt before this returns. */
  async function ensureCa(keyFile: string, now: Date): Promise<IssuingCa> {
    const key = await ensureKey(keyFile)
    const published = certificatesIn(await readIfExists(files.caCert)).filter(({ validToDate }) => validToDate > now)
    const existing = published.find((certificate) => certificate.checkPrivateKey(key))
    if (existing !== undefined) return asCa(existing.raw, key)
    const der = await createSelfSignedCa(
      {
        subject: { commonName: 'certctl listener CA' },
        notBefore: wholeSecond(now.getTime() - backdate),
        notAfter: wholeSecond(now.getTime() + caLifetime),
        pathLength: 0,
        serialNumber: generateSerialNumber(),
      },
      createLocalSigner(key),
    )
    const bundle = [...published.map(({ raw }) => new Uint8Array(raw)), der]
    await writeWhole(files.caCert, bundle.map((one) => encodePem('CERTIFICATE', one)).join(''), 0o644)
    return asCa(der, key)
  }

  async function readServed(): Promise<ServingCertificate | undefined> {
    const [certPem, keyPem] = await Promise.all([readIfExists(files.cert), readIfExists(files.key)])
    return certPem === undefined || keyPem === undefined ? undefined : { certPem, keyPem }
  }

  async function issue(ca: IssuingCa, now: Date): Promise<ServingCertificate> {
    const key = await generatePrivateKey({ algorithm: 'ECDSA', curve: 'P-256' })
    const plan = {
      issuer: ca.certificate,
      signatureAlgorithm: ca.signer.signatureAlgorithm,
      subjectPublicKeyInfoDer: createPublicKey(key).export({ type: 'spki', format: 'der' }),
      serialNumber: generateSerialNumber(),
      notBefore: wholeSecond(Math.max(now.getTime() - backdate, ca.certificate.notBefore.getTime())),
      notAfter: wholeSecond(Math.min(now.getTime() + leafLifetime, ca.certificate.notAfter.getTime())),
      dnsNames: hosts.filter((host) => isIP(host) === 0),
      ipAddresses: hosts.filter((host) => isIP(host) !== 0),
      keyUsages: ['digitalSignature'],
      extendedKeyUsages: ['serverAuth'],
    } as const
    const tbsDer = buildLeafTbs(plan)
    const findings = lintTbsCertificate(tbsDer, plan)
    if (findings.length > 0)
      throw new Error(`the listener's certificate: ${findings.map(({ detail }) => detail).join('; ')}`)
    const served = {
      certPem: encodePem('CERTIFICATE', await signTbsCertificate(tbsDer, ca.signer)),
      keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
    await writeWhole(files.key, served.keyPem, 0o600)
    await writeWhole(files.cert, served.certPem, 0o644)
    return served
  }

  return { caFile: files.caCert, current }
}

/** The names that the listener's certificate is for: those of the external URLs, and this machine's own. */
export function servingHosts(externalUrls: readonly string[]): readonly string[] {
  const given = externalUrls.map((url) => new URL(url).hostname.replace(/^\[|\]$/g, ''))
  return [...new Set([...given, 'localhost', '127.0.0.1', '::1'])]
}

async function ensureKey(file: string): Promise<KeyObject> {
  const existing = await readIfExists(file)
  if (existing !== undefined) return createPrivateKey(existing)
  const key = await generatePrivateKey({ algorithm: 'ECDSA', curve: 'P-256' })
  if (await createWhole(file, key.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600)) return key
  return createPrivateKey(await readFile(file, 'utf8'))
}

function certificatesIn(pem: string | undefined): X509Certificate[] {
  return pem === undefined ? [] : decodePem(pem, 'CERTIFICATE').map((der) => new X509Certificate(der))
}

function asCa(der: Uint8Array, key: KeyObject): IssuingCa {
  const certificateDer = new Uint8Array(der)
  return loadIssuingCa({ certificateDer, chainPem: '', rootPem: encodePem('CERTIFICATE', certificateDer) }, key)
}

/** Usable: of this CA, for these hosts, its own key, and a third of its life left. */
function isUsable(
  { certPem, keyPem }: ServingCertificate,
  { ca, hosts, now }: { ca: IssuingCa; hosts: readonly string[]; now: Date },
): boolean {
  const certificate = new X509Certificate(certPem)
  const renewAt = certificate.validToDate.getTime() - leafLifetime / 3
  return (
    now.getTime() < renewAt &&
    now >= certificate.validFromDate &&
    certificate.checkPrivateKey(createPrivateKey(keyPem)) &&
    certificate.verify(ca.signer.publicKey) &&
    hosts.every((host) => (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined)
  )
}

function wholeSecond(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000)
}
