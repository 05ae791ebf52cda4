import { createHash, timingSafeEqual } from 'node:crypto'
import { ValidationFailure, type ValidationRequest } from './challenge.ts'
import type { NameResolver } from './dns-resolver.ts'

/**
 * RFC 8555 section 8.4: one of the TXT records of `_acme-challenge.<name>` is the digest of the key authorization.
 * Rejects with a ValidationFailure, or with the resolver's signal's reason.
 */
export async function checkDns01(resolver: NameResolver, request: ValidationRequest): Promise<void> {
  const name = `_acme-challenge.${request.identifier.value}`
  const answer = await resolver.texts(name)
  if (!answer.found) throw new ValidationFailure('dns', `${name} ${answer.reason}.`)
  const expected = createHash('sha256').update(request.keyAuthorization).digest('base64url')
  if (answer.records.some((text) => isSame(text, expected))) return
  const found =
    answer.records.length === 1
      ? 'one TXT record, which is not'
      : `${answer.records.length} TXT records, none of which is`
  throw new ValidationFailure('incorrectResponse', `${name} has ${found} the digest of the key authorization.`)
}

function isSame(text: string, expected: string): boolean {
  const [received, wanted] = [Buffer.from(text), Buffer.from(expected)]
  return received.length === wanted.length && timingSafeEqual(received, wanted)
}
