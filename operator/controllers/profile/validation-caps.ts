import { permitsNetwork, permitsResolver } from '../../../acme/validation/caps.ts'
import type { ValidationCaps } from '../../../acme/validation/caps.ts'
import type { CertificateProfileSpec } from '../../api/certificate-profile.ts'
import type { FieldError } from '../../api/check.ts'

/** What a profile asks of validation beyond the operator's caps. */
export function capMistakes({ acme: { validation } }: CertificateProfileSpec, caps: ValidationCaps): FieldError[] {
  const { allowedNetworks, resolvers } = validation
  const path = ['spec', 'acme', 'validation']
  const networks = beyond(allowedNetworks, (network) => permitsNetwork(caps, network))
  const servers = beyond(resolvers, (resolver) => permitsResolver(caps, resolver))
  return [
    ...networks.map(({ item, index }) => ({
      path: [...path, 'allowedNetworks', index],
      message: `is ${item}, which lies outside of what the operator permits (${listed(caps.networks)}); narrow it, or have CERTCTL_ACME_SERVER_VALIDATION_NETWORKS_CAP widened`,
    })),
    ...servers.map(({ item, index }) => ({
      path: [...path, 'resolvers', index],
      message: `is ${item}, which the operator does not permit; use ${listed(caps.resolvers)}, or have CERTCTL_ACME_SERVER_RESOLVERS_CAP widened`,
    })),
  ]
}

function beyond(items: readonly string[], permits: (item: string) => boolean): { item: string; index: number }[] {
  return items.map((item, index) => ({ item, index })).filter(({ item }) => !permits(item))
}

function listed(items: readonly string[] | undefined): string {
  return (items ?? []).join(', ') || 'none'
}
