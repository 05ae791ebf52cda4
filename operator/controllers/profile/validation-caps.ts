import { networkContains, parseNetwork } from '../../../acme/ip-address.ts'
import type { CertificateProfileSpec } from '../../api/certificate-profile.ts'
import type { FieldError } from '../../api/check.ts'

/** How far the operator lets the validation of any profile reach. */
export interface ValidationCaps {
  /** CIDRs; absent permits any. */
  readonly networks?: readonly string[]
  /** DNS servers as `address:port`; absent permits any. */
  readonly resolvers?: readonly string[]
}

/** What a profile asks of validation beyond the operator's caps. */
export function capMistakes({ acme: { validation } }: CertificateProfileSpec, caps: ValidationCaps): FieldError[] {
  const { networks, resolvers } = caps
  const path = ['spec', 'acme', 'validation']
  return [
    ...beyond(validation.allowedNetworks, networks && ((given) => networks.some((cap) => covers(cap, given)))).map(
      ({ item, index }) => ({
        path: [...path, 'allowedNetworks', index],
        message: `is ${item}, which lies outside of what the operator permits (${listed(networks)}); narrow it, or have CERTCTL_ACME_SERVER_VALIDATION_NETWORKS_CAP widened`,
      }),
    ),
    ...beyond(
      validation.resolvers,
      resolvers && ((given) => resolvers.some((cap) => withPort(cap) === withPort(given))),
    ).map(({ item, index }) => ({
      path: [...path, 'resolvers', index],
      message: `is ${item}, which the operator does not permit; use ${listed(resolvers)}, or have CERTCTL_ACME_SERVER_RESOLVERS_CAP widened`,
    })),
  ]
}

function beyond(
  items: readonly string[],
  isWithin: ((item: string) => boolean) | undefined,
): { item: string; index: number }[] {
  if (isWithin === undefined) return []
  return items.map((item, index) => ({ item, index })).filter(({ item }) => !isWithin(item))
}

function listed(items: readonly string[] | undefined): string {
  return (items ?? []).join(', ') || 'none'
}

/** Whether one network lies in another. */
function covers(capText: string, text: string): boolean {
  const [cap, network] = [parseNetwork(capText), parseNetwork(text)]
  if (cap === undefined || network === undefined) return false
  return network.prefixLength >= cap.prefixLength && networkContains(cap, network.bytes)
}

/** An address without a port means port 53; IPv6 stands in brackets where a port follows. */
function withPort(resolver: string): string {
  if (/^\[.*\]:[0-9]+$|^[0-9.]+:[0-9]+$/.test(resolver)) return resolver
  return resolver.includes(':') ? `[${resolver}]:53` : `${resolver}:53`
}
