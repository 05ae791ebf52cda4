import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allPassed, renderReport, type CaseOutcome, type ModeReport } from './report.ts'

function report(changes: Partial<ModeReport> & { renew?: CaseOutcome } = {}): ModeReport {
  const outcomes = new Map([
    ['register', 'pass'],
    ['trust', 'skipped'],
    ['renew', changes.renew ?? 'pass'],
  ] as const)
  return { title: 'a server', rows: [{ client: 'lego', outcomes }], checks: [], ...changes }
}

test('a run without failures has passed, cases that a client lacks notwithstanding', () => {
  assert.equal(allPassed([report()], false), true)
})

test('one failed case fails the run, whatever else passed', () => {
  assert.equal(allPassed([report(), report({ renew: 'fail' })], true), false)
})

test('a failed check of the server fails the run', () => {
  assert.equal(allPassed([report({ checks: [{ what: 'no badNonce', passed: false }] })], true), false)
})

test('a missing client fails the run unless that is allowed', () => {
  const missing = report({ rows: [{ client: 'caddy', outcomes: 'missing' }] })
  assert.equal(allPassed([missing], false), false)
  assert.equal(allPassed([missing], true), true)
})

test('the report is a Markdown table with a word for every case', () => {
  const text = renderReport([
    report({ renew: 'fail', checks: [{ what: 'no badNonce', passed: true, detail: '0 times' }] }),
  ])
  assert.match(text, /^### a server$/m)
  assert.match(text, /^\| client \| register \| trust \|.*\| refusal \|$/m)
  assert.match(text, /^\| lego +\| pass +\| – +\| – .*\| FAIL +\| – +\| – +\|$/m)
  assert.match(text, /^- pass: no badNonce \(0 times\)$/m)
})
