import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { fieldPath } from '../api/check.ts'
import { invalidSpecs } from '../testing/invalid-specs.ts'
import { validSpecs } from '../testing/valid-specs.ts'
import { readIssuerSpec } from './issuer/spec.ts'
import { readProfileSpec } from './profile/spec.ts'

const issuer = (spec: string): unknown =>
  parse(`{apiVersion: certctl.io/v1alpha1, kind: Issuer, metadata: {name: a}, spec: ${spec}}`)

function errorsOf(outcome: ReturnType<typeof readIssuerSpec> | ReturnType<typeof readProfileSpec>): string[] {
  assert.equal(outcome.ok, false, 'the spec was accepted')
  return outcome.ok ? [] : outcome.errors.map(({ path, message }) => `${fieldPath(path)} ${message}`)
}

for (const { title, kind, object, field, message } of invalidSpecs) {
  test(`${kind} with ${title} is refused with a remedy`, () => {
    const errors = errorsOf(kind === 'Issuer' ? readIssuerSpec(object) : readProfileSpec(object))
    const found = errors.some((error) => error.startsWith(`${field} `) && error.includes(message))
    assert.ok(found, `not reported at ${field}:\n${errors.join('\n')}`)
  })
}

for (const { title, kind, object } of validSpecs) {
  test(`${kind} with ${title} is accepted`, () => {
    const read = kind === 'Issuer' ? readIssuerSpec(object) : readProfileSpec(object)
    assert.ok(read.ok, JSON.stringify(read))
  })
}

test('all mistakes of a spec are reported at once', () => {
  const spec = '{type: SelfSigned, selfsigned: {}, subordinate: {mode: X, duration: y, privateKey: {bits: 1}}}'
  assert.ok(errorsOf(readIssuerSpec(issuer(spec))).length >= 7)
})

test('whatever YAML may hold, reading a spec never throws', () => {
  for (const content of [
    null,
    5,
    'x',
    [],
    {},
    { spec: [] },
    { spec: { acme: [], type: {} } },
    { spec: { selfSigned: [1] } },
  ]) {
    assert.equal(readIssuerSpec(content).ok, false)
    assert.equal(readProfileSpec(content).ok, false)
  }
})
