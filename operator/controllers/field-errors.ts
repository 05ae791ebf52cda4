import { formatAddress, parseAddress, parseNetwork } from '../../acme/ip-address.ts'
import type { FieldError } from '../api/check.ts'
import { fieldPath } from '../api/check.ts'

/** What reading a spec came to: the spec, or every mistake in it and the reason that its status shows. */
export type SpecOutcome<Spec, Reason extends string> =
  | { readonly ok: true; readonly spec: Spec }
  | { readonly ok: false; readonly reason: Reason; readonly errors: readonly FieldError[] }

/** All mistakes in one sentence, for a condition's message. */
export function errorsSentence(errors: readonly FieldError[]): string {
  return errors.map(({ path, message }) => `${fieldPath(path)} ${message}`).join('; ')
}

/** The items of a list that are no networks. Host bits are refused too: they are mostly a wrong prefix length. */
export function networkErrors(networks: readonly string[] | undefined, path: readonly string[]): FieldError[] {
  return (networks ?? []).flatMap((network, index) => {
    const message = networkMistake(network)
    return message === undefined ? [] : [{ path: [...path, index], message }]
  })
}

function networkMistake(text: string): string | undefined {
  const network = text.includes('/') ? parseNetwork(text) : undefined
  if (!network) return `is ${JSON.stringify(text)}; write a network such as 10.0.0.0/8 or fd00::/8`
  const address = parseAddress(text.slice(0, text.indexOf('/')))
  const hasHostBits = address?.some((octet, index) => octet !== network.bytes[index])
  return hasHostBits === true
    ? `has bits beyond its prefix; write ${formatAddress(network.bytes)}/${network.prefixLength}`
    : undefined
}
