import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import type { CaCertificateSpec } from './ca-certificate.ts'
import type { IssuingCa } from './issuer.ts'
import type { KeySpec } from './keys.ts'
import { buildLeafTbs } from './leaf-certificate.ts'
import type { LeafPlan } from './leaf-certificate.ts'
import { lintTbsCertificate } from './lint/leaf.ts'
import { createLocalSigner } from './signer.ts'
import { aKey, aLeafPlan, aRootCa, aSubordinateCa, p256, signedLeafPem } from './testing/builders.ts'
import { haveTools, scratchFolder, verifiers } from './testing/verifiers.ts'

const p384: KeySpec = { algorithm: 'ECDSA', curve: 'P-384' }
const p521: KeySpec = { algorithm: 'ECDSA', curve: 'P-521' }
const rsa: KeySpec = { algorithm: 'RSA', bits: 2048 }
const ed25519: KeySpec = { algorithm: 'Ed25519' }

interface Case {
  readonly says: string
  readonly root?: KeySpec
  readonly rootSpec?: Partial<CaCertificateSpec>
  /** Absent: the root signs the leaf itself. */
  readonly intermediate?: KeySpec
  readonly intermediateSpec?: Partial<CaCertificateSpec>
  readonly leaf?: KeySpec
  readonly plan?: Partial<LeafPlan>
  readonly hostname?: string
  readonly ip?: string
  /** A verifier that can't take the case, and why. */
  readonly notBy?: keyof typeof verifiers
}

const cases: Case[] = [
  { says: 'a P-256 leaf under a P-256 root', hostname: 'www.example.com' },
  { says: 'a P-256 leaf under a P-256 intermediate', intermediate: p256, hostname: 'www.example.com' },
  { says: 'a P-384 leaf under P-384 CAs', root: p384, intermediate: p384, leaf: p384 },
  { says: 'a P-521 leaf under P-521 CAs', root: p521, intermediate: p521, leaf: p521 },
  // NSS wants keyEncipherment from every RSA server, as if TLS 1.2 with RSA key exchange were all there is.
  { says: 'an RSA leaf under RSA CAs', root: rsa, intermediate: rsa, leaf: rsa, notBy: 'vfychain' },
  {
    says: 'an RSA leaf for key encipherment under a P-384 root',
    root: p384,
    leaf: rsa,
    plan: { keyUsages: ['digitalSignature', 'keyEncipherment'] },
  },
  { says: 'a P-256 leaf under an RSA intermediate under a P-521 root', root: p521, intermediate: rsa },
  // The NSS of Debian 12 takes Ed25519 neither in a CA nor in a leaf.
  { says: 'an Ed25519 leaf under Ed25519 CAs', root: ed25519, intermediate: ed25519, leaf: ed25519, notBy: 'vfychain' },
  { says: 'an Ed25519 leaf under a P-256 root', leaf: ed25519, notBy: 'vfychain' },
  {
    says: 'a leaf with a subject',
    plan: { commonName: 'www.example.com', organization: ['Exämple & Söhne'] },
    hostname: 'www.example.com',
  },
  { says: 'a wildcard leaf', plan: { dnsNames: ['*.example.com'] }, hostname: 'any.example.com' },
  { says: 'a leaf for IP addresses', plan: { dnsNames: [], ipAddresses: ['10.1.2.3', 'fd00::7'] }, ip: 'fd00::7' },
  { says: 'a leaf of a hundred names', plan: { dnsNames: hundredNames() }, hostname: 'host99.example.com' },
  { says: 'a leaf that ends in 2050', plan: { notAfter: new Date('2050-01-01T00:00:00Z') } },
  {
    says: 'a leaf for server and client with all URLs',
    plan: {
      extendedKeyUsages: ['serverAuth', 'clientAuth'],
      urls: {
        caIssuers: ['http://pki.example.com/ca.crt'],
        crlDistributionPoints: ['http://pki.example.com/0.crl', 'http://pki2.example.com/0.crl'],
        ocsp: ['http://pki.example.com/ocsp'],
      },
    },
  },
  {
    says: 'a leaf within the name constraints of the root and of the intermediate',
    rootSpec: {
      nameConstraints: {
        permitted: { dns: ['example.com'], ip: ['10.0.0.0/8', 'fd00::/8'] },
        excluded: { dns: ['secret.example.com'] },
      },
    },
    intermediate: p256,
    intermediateSpec: { nameConstraints: { permitted: { dns: ['www.example.com'] } }, pathLength: 0 },
    plan: { dnsNames: ['www.example.com', '*.www.example.com'], ipAddresses: ['10.9.9.9', 'fd12::1'] },
    hostname: 'www.example.com',
  },
  {
    says: 'a leaf at the end of the path length',
    rootSpec: { pathLength: 1 },
    intermediate: p256,
    hostname: 'www.example.com',
  },
]

function hundredNames(): string[] {
  return Array.from({ length: 100 }, (_, index) => `host${index}.example.com`)
}

async function chainFor(given: Case): Promise<{ issuer: IssuingCa; plan: LeafPlan }> {
  const root = await aRootCa(given.rootSpec, given.root)
  const issuer = given.intermediate ? await aSubordinateCa(root, given.intermediateSpec, given.intermediate) : root
  return { issuer, plan: await aLeafPlan(issuer, given.plan, given.leaf) }
}

const programs = { openssl: ['openssl'], certtool: ['certtool'], vfychain: ['vfychain', 'certutil'] } as const

for (const name of ['openssl', 'certtool', 'vfychain'] as const) {
  test(`${name} refuses a leaf that another key signed`, async (t) => {
    if (!haveTools(t, ...programs[name])) return
    const root = await aRootCa()
    const impostor = { ...root, signer: createLocalSigner(await aKey(p256, 'impostor')) }
    const leafPem = await signedLeafPem(impostor, await aLeafPlan(root))
    const folder = await scratchFolder(t)
    await assert.rejects(verifiers[name](folder, { leafPem, chainPem: '', rootPem: root.rootPem }))
  })

  test(`${name} refuses a leaf outside the name constraints, which nobody but a test can make`, async (t) => {
    if (!haveTools(t, ...programs[name])) return
    const root = await aRootCa({ nameConstraints: { permitted: { dns: ['example.com'] } } })
    const plan = await aLeafPlan(root, { dnsNames: ['www.example.org'] })
    const unconstrained = { ...plan, issuer: { ...plan.issuer, nameConstraints: undefined } }
    const leafPem = await signedLeafPem(root, unconstrained)
    const folder = await scratchFolder(t)
    await assert.rejects(verifiers[name](folder, { leafPem, chainPem: '', rootPem: root.rootPem }))
  })
}

for (const given of cases) {
  test(`node:crypto and the linter accept ${given.says}`, async () => {
    const { issuer, plan } = await chainFor(given)
    assert.deepEqual(lintTbsCertificate(buildLeafTbs(plan), plan), [])
    const leaf = new X509Certificate(await signedLeafPem(issuer, plan))
    const above = new X509Certificate(issuer.certificate.pem)
    assert.ok(leaf.checkIssued(above) && leaf.verify(above.publicKey))
    if (given.hostname) assert.ok(leaf.checkHost(given.hostname))
    if (given.ip) assert.ok(leaf.checkIP(given.ip))
  })

  for (const name of ['openssl', 'certtool', 'vfychain'] as const) {
    if (given.notBy === name) continue
    test(`${name} accepts ${given.says}`, async (t) => {
      if (!haveTools(t, ...programs[name])) return
      const { issuer, plan } = await chainFor(given)
      const leafPem = await signedLeafPem(issuer, plan)
      const { chainPem, rootPem } = issuer
      await verifiers[name](await scratchFolder(t), {
        leafPem,
        chainPem,
        rootPem,
        hostname: given.hostname,
        ip: given.ip,
      })
    })
  }
}
