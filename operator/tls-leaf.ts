import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import {
  buildLeafTbs,
  encodePem,
  generatePrivateKey,
  generateSerialNumber,
  lintTbsCertificate,
  signTbsCertificate,
} from '../ca/index.ts'
import type { IssuingCa } from '../ca/index.ts'
import { backdate, wholeSecond } from './tls-ca.ts'

/** What the ACME listener shows its clients. */
export interface ServingCertificate {
  readonly certPem: string
  readonly keyPem: string
}

/** What a leaf is judged by and made for. */
export interface LeafWish {
  readonly ca: IssuingCa
  /** DNS names and IP addresses. */
  readonly hosts: readonly string[]
  readonly now: Date
}

const leafLifetime = 90 * 24 * 3600 * 1000

/** A new key with a certificate of `ca` for these hosts. Throws where the linter finds a fault in it. */
export async function issueServingCertificate({ ca, hosts, now }: LeafWish): Promise<ServingCertificate> {
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
  return {
    certPem: encodePem('CERTIFICATE', await signTbsCertificate(tbsDer, ca.signer)),
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** Usable: of this CA, for these hosts, its own key, and a third of its life left. */
export function isUsable({ certPem, keyPem }: ServingCertificate, { ca, hosts, now }: LeafWish): boolean {
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
