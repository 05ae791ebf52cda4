import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import * as ca from './index.ts'
import { aRequest, subjectAltName } from './testing/request-builder.ts'

const now = new Date('2026-06-01T12:00:00.250Z')

test('a request becomes a certificate through the contract alone', async () => {
  const caKey = await ca.generatePrivateKey({ algorithm: 'ECDSA', curve: 'P-384' })
  const spec = {
    subject: { commonName: 'Root' },
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2036-01-01T00:00:00Z'),
  }
  const signer = ca.createLocalSigner(caKey)
  const certificateDer = await ca.createSelfSignedCa({ ...spec, serialNumber: ca.generateSerialNumber() }, signer)
  const rootPem = ca.encodePem('CERTIFICATE', certificateDer)
  const issuer = ca.loadIssuingCa({ certificateDer, chainPem: '', rootPem }, caKey)

  const clientKey = await ca.generatePrivateKey({ algorithm: 'ECDSA', curve: 'P-256' })
  const request = ca.parseCertificateRequest(
    aRequest(clientKey, { extensions: [subjectAltName([0x82, 'www.example.com'])] }),
  )
  ca.assertKeyAllowed(request.publicKey, [{ algorithm: 'ECDSA' }])
  const { notBefore: issuerNotBefore, notAfter: issuerNotAfter } = issuer.certificate
  const limits = { defaultSeconds: 3600, maxSeconds: 3600, backdateSeconds: 300, issuerNotBefore, issuerNotAfter }
  const plan: ca.LeafPlan = {
    issuer: issuer.certificate,
    signatureAlgorithm: issuer.signer.signatureAlgorithm,
    subjectPublicKeyInfoDer: request.subjectPublicKeyInfoDer,
    serialNumber: ca.generateSerialNumber(),
    ...ca.leafValidity({ now, ...limits }),
    dnsNames: request.names.map(({ value }) => value),
    ipAddresses: [],
    keyUsages: ['digitalSignature'],
    extendedKeyUsages: ['serverAuth'],
  }
  const tbsDer = ca.buildLeafTbs(plan)
  assert.deepEqual(ca.lintTbsCertificate(tbsDer, plan), [])
  const leaf = new X509Certificate(await ca.signTbsCertificate(tbsDer, issuer.signer))
  assert.ok(leaf.verify(new X509Certificate(rootPem).publicKey) && leaf.checkHost('www.example.com'))
  assert.deepEqual(
    [leaf.validFromDate, leaf.validToDate],
    [new Date('2026-06-01T11:55:00Z'), new Date('2026-06-01T12:54:59Z')],
  )
})
