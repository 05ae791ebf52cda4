import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ApiClient, type Credentials } from '../cluster/api-client.ts'
import { Kubectl } from '../cluster/kubectl.ts'
import { Helm } from './helm.ts'
import type { ImageNames } from './images.ts'

/** A cluster that can run pods and has the images, seen from its node's network: Services and pods can be reached. */
export interface Ground {
  readonly folder: string
  readonly kubeconfig: string
  readonly api: ApiClient
  readonly kubectl: Kubectl
  readonly images: ImageNames
  /** Helm by its major version. */
  readonly helm: (major: 3 | 4) => Helm
  /** The node on which all pods run. */
  readonly nodeName: string
  /** Kills the one process of a pod, as the kernel does when memory is short. */
  readonly killProcess: (podUid: string) => Promise<void>
  /** What the programs of the cluster have logged last, where they are ours. */
  readonly logs: () => readonly (readonly [program: string, text: string])[]
}

export interface GroundWish {
  readonly folder: string
  readonly kubeconfig: string
  readonly kubectlProgram: string
  readonly helmPrograms: readonly { readonly major: 3 | 4; readonly file: string }[]
  readonly images: ImageNames
  readonly nodeName: string
  readonly killProcess: Ground['killProcess']
  readonly logs?: Ground['logs']
}

/** The ground that a kubeconfig file leads to. */
export async function openGround(wish: GroundWish): Promise<Ground> {
  const { folder, kubeconfig, kubectlProgram, helmPrograms, images, nodeName, killProcess, logs = () => [] } = wish
  return {
    folder,
    kubeconfig,
    api: new ApiClient(await readCredentials(kubeconfig)),
    kubectl: new Kubectl({ program: kubectlProgram, kubeconfig, home: folder }),
    images,
    nodeName,
    killProcess,
    logs,
    helm(major) {
      const program = helmPrograms.find((candidate) => candidate.major === major)
      if (program === undefined) throw new Error(`there is no Helm ${major}`)
      return new Helm({ program: program.file, kubeconfig, home: join(folder, `helm-${major}`) })
    },
  }
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly server: string; 'certificate-authority-data': string } }[]
  readonly users: readonly {
    readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string }
  }[]
}

/** Credentials of a kubeconfig file with one cluster and one user who has a certificate, such as ours and kind's. */
async function readCredentials(file: string): Promise<Credentials> {
  const { clusters, users } = parse(await readFile(file, 'utf8')) as Kubeconfig
  const [cluster, user] = [clusters[0]?.cluster, users[0]?.user]
  if (cluster === undefined || user === undefined) throw new Error(`${file} has no cluster or no user`)
  const decode = (base64: string): string => Buffer.from(base64, 'base64').toString()
  return {
    url: cluster.server,
    ca: decode(cluster['certificate-authority-data']),
    identity: { certificate: decode(user['client-certificate-data']), key: decode(user['client-key-data']) },
  }
}
