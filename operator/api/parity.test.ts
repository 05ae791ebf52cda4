import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { shippedSchema } from '../testing/crd-schema.ts'
import { crdVerdict } from '../testing/crd-verdict.ts'
import { invalidSpecs } from '../testing/invalid-specs.ts'
import { mutatedSpecs } from '../testing/mutated-specs.ts'
import { invalidUpdates, validUpdates } from '../testing/spec-updates.ts'
import { validSpecs } from '../testing/valid-specs.ts'
import { certificateProfile } from './certificate-profile.ts'
import { check, fieldPath } from './check.ts'
import { issuer } from './issuer.ts'

const schemas = { Issuer: shippedSchema('Issuer'), CertificateProfile: shippedSchema('CertificateProfile') }
const readers = { Issuer: issuer, CertificateProfile: certificateProfile }

for (const { title, kind, object, field, message, apiServer = message } of invalidSpecs) {
  test(`the CRD says of ${kind} with ${title} what is wrong`, () => {
    const findings = crdVerdict(schemas[kind], object)
    if (apiServer === false) return assert.deepEqual(findings, [])
    const atField = findings.filter((finding) => finding.field === field)
    assert.ok(atField.length > 0, JSON.stringify(findings))
    if (apiServer === message) assert.ok(atField.some((finding) => finding.message.includes(message)))
  })
}

for (const { title, kind, object } of validSpecs) {
  test(`the CRD accepts ${kind} with ${title}`, () => {
    assert.deepEqual(crdVerdict(schemas[kind], object), [])
  })
}

for (const { title, before, after, field, message } of invalidUpdates) {
  test(`the CRD refuses to give an Issuer ${title}`, () => {
    assert.deepEqual(crdVerdict(schemas.Issuer, before), [])
    const findings = crdVerdict(schemas.Issuer, after, before)
    assert.ok(
      findings.some((finding) => finding.field === field && finding.message === message),
      JSON.stringify(findings),
    )
  })
}

for (const { title, before, after } of validUpdates) {
  test(`the CRD lets an Issuer be given ${title}`, () => {
    assert.deepEqual(crdVerdict(schemas.Issuer, after, before), [])
  })
}

for (const kind of ['Issuer', 'CertificateProfile'] as const) {
  test(`of any ${kind} the CRD and the code that reads it think the same`, () => {
    const verdicts = { accepted: 0, refused: 0 }
    fc.assert(
      fc.property(mutatedSpecs(kind, schemas[kind]), (object) => {
        const findings = crdVerdict(schemas[kind], object)
        const read = check(readers[kind], object)
        const errors = read.ok ? [] : read.errors.map(({ path, message }) => `${fieldPath(path)} ${message}`)
        assert.equal(findings.length === 0, read.ok, JSON.stringify({ object, findings, errors }, undefined, 1))
        verdicts[read.ok ? 'accepted' : 'refused']++
      }),
      { numRuns: 2000 },
    )
    assert.ok(verdicts.accepted > 50 && verdicts.refused > 50, JSON.stringify(verdicts))
  })
}
