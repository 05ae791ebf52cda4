import type { IssuingCa } from '../../../ca/index.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { CustomResource, Stored } from '../../kubernetes/objects.ts'
import type { Condition, IssuerReason } from '../conditions.ts'
import { publishConfigMap } from './config-map.ts'

/** Where a chain is published, and what stands in the way of it. */
export interface PublishedChain {
  readonly name: string
  readonly warning?: Condition<IssuerReason>
}

/**
 * Publishes a CA's certificates, which are no secret, in the ConfigMap `<issuer>-ca-chain` beside the Issuer: `ca.crt`
 * is the root to trust and `chain.pem` what leads to it. The ConfigMap goes with the Issuer.
 */
export async function publishChain(
  client: KubernetesClient,
  issuer: Stored<CustomResource>,
  { certificate, chainPem, rootPem }: IssuingCa,
): Promise<PublishedChain> {
  const { namespace = '', name: issuerName, uid } = issuer.metadata
  const name = `${issuerName}-ca-chain`
  const owner = { apiVersion: issuer.apiVersion, kind: issuer.kind, name: issuerName, uid, controller: true }
  const data = { 'ca.crt': rootPem, 'chain.pem': chainPem === '' ? certificate.pem : chainPem }
  const outcome = await publishConfigMap(client, { namespace, name, data, owner })
  if (outcome === 'published') return { name }
  const title = `ConfigMap ${namespace}/${name}`
  const warning =
    outcome === 'not-owned'
      ? {
          reason: 'ConfigMapNotOwned' as const,
          message: `${title} was not made by certctl and is left alone; remove or rename it`,
        }
      : { reason: 'ConfigMapRefused' as const, message: `${title} could not be written: ${outcome.refused}` }
  return { name, warning: { type: 'Warning', status: 'True', ...warning } }
}
