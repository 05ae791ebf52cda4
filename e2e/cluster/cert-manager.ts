import { Service, systemPath } from '../harness/processes.ts'
import { addresses } from './addresses.ts'

/** Where cert-manager keeps the Secrets of ClusterIssuers. */
export const certManagerNamespace = 'cert-manager'

/** cert-manager's own controllers, on the API server that the kubeconfig file names. Its CRDs must be there. */
export function startCertManager(program: string, kubeconfig: string): Service {
  const args = [
    `--kubeconfig=${kubeconfig}`,
    `--cluster-resource-namespace=${certManagerNamespace}`,
    `--nameservers=${addresses.nameServer}:53`,
  ]
  return new Service({ program, args, env: { PATH: systemPath } })
}
