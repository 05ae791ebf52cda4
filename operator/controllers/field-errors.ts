import ipaddr from 'ipaddr.js'
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

function networkMistake(network: string): string | undefined {
  if (!ipaddr.isValidCIDR(network) || !/^[0-9.]+\/|:/.test(network)) {
    return `is ${JSON.stringify(network)}; write a network such as 10.0.0.0/8 or fd00::/8`
  }
  const [address, prefix] = ipaddr.parseCIDR(network)
  const base = (address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6).networkAddressFromCIDR(network)
  return base.toString() === address.toString()
    ? undefined
    : `has bits beyond its prefix; write ${base.toString()}/${prefix}`
}
