import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shippedSchema } from '../testing/crd-schema.ts'
import { crdVerdict } from '../testing/crd-verdict.ts'
import { acme, object, selfSigned } from '../testing/spec-text.ts'
import type { CertificateProfileStatus } from './certificate-profile-status.ts'
import type { IssuerStatus } from './issuer-status.ts'

const hex = 'ab'.repeat(32)
const conditions = [
  {
    type: 'Ready',
    status: 'True',
    observedGeneration: 3,
    lastTransitionTime: '2026-01-01T00:00:00Z',
    reason: 'Ready',
    message: 'the CA signs',
  },
] as const

const issuerStatus: Required<IssuerStatus> = {
  observedGeneration: 3,
  conditions,
  ca: {
    subject: 'CN=Example Root CA,O=Example',
    serialNumber: hex.slice(0, 40),
    notBefore: '2026-01-01T00:00:00Z',
    notAfter: '2036-01-01T00:00:00Z',
    sha256Fingerprint: hex,
    keyAlgorithm: 'ECDSA P-384',
    subjectKeyId: hex.slice(0, 40),
    generation: 1,
  },
  chainConfigMap: { name: 'root-ca-chain' },
  keySecret: { name: 'root-ca' },
  csr: '-----BEGIN CERTIFICATE REQUEST-----\n',
  boundProfiles: 2,
}

const profileStatus: Required<CertificateProfileStatus> = {
  observedGeneration: 3,
  conditions,
  profileID: 'team-web.web',
  revision: 4,
  policyHash: hex,
  acme: { directoryURL: 'https://certctl.certctl.svc/acme/profile/team-web.web/directory' },
  issuer: { namespace: 'certctl', name: 'root', uid: '7b1c7c4e-0000-4000-8000-000000000000', fingerprint: hex },
  clusterIssuer: { name: 'web' },
}

test('a status as the operator writes it is one that the API server keeps whole', () => {
  const withStatus = (one: unknown, status: unknown): unknown => ({ ...Object(one), status })
  const issuer = withStatus(object('Issuer', selfSigned()), issuerStatus)
  assert.deepEqual(crdVerdict(shippedSchema('Issuer'), issuer), [])
  const profile = withStatus(object('CertificateProfile', acme()), profileStatus)
  assert.deepEqual(crdVerdict(shippedSchema('CertificateProfile'), profile), [])
})

test('an object has no status before the operator has looked at it', () => {
  assert.deepEqual(crdVerdict(shippedSchema('Issuer'), object('Issuer', selfSigned())), [])
  const empty = { ...Object(object('Issuer', selfSigned())), status: {} } as unknown
  assert.deepEqual(crdVerdict(shippedSchema('Issuer'), empty), [])
})
