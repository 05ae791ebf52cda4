import assert from 'node:assert/strict'
import { problemType, type AcmeResponse } from './acme-client.ts'

/** Whatever the status: a problem document with a sentence, a fresh nonce and the way back. */
export function assertRefused(answer: AcmeResponse<unknown>, type: string, status: number): void {
  assert.equal(problemType(answer), type, answer.text)
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.problem?.status, status)
  assert.match(answer.problem?.detail ?? '', /^.{10,}\.$/s)
  assert.match(String(answer.headers['replay-nonce']), /^[A-Za-z0-9_-]{40,}$/)
  assert.match(String(answer.headers.link), /<[^>]+\/directory>;rel="index"/)
}
