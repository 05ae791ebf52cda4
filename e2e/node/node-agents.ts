import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Service, systemPath } from '../harness/processes.ts'
import { runtimeEndpoint } from './containerd.ts'
import { nodeNetwork } from './network.ts'
import type { ClusterPrograms } from './programs.ts'

/** The node's name. */
export const nodeName = 'node'

/** What the programs of a node need to start. */
export interface AgentWish {
  readonly programs: ClusterPrograms
  /** A kubeconfig file with all rights: nothing here is about what a node may do. */
  readonly kubeconfig: string
  readonly folder: string
  /** Where the control plane keeps `cluster-ca.pem` and `service-accounts.key`. */
  readonly controlPlaneFolder: string
}

/** Plug-ins for volumes are looked for in a folder that must not be one of the system's. */
const pluginFolderOf = (folder: string): string => join(folder, 'volume-plugins')

/** Runs the pods that are bound to the node. */
export async function startKubelet({ programs, kubeconfig, folder }: AgentWish): Promise<Service> {
  await mkdir(pluginFolderOf(folder), { recursive: true })
  const resolvConf = join(folder, 'kubelet-resolv.conf')
  // For pods that don't want the cluster's name server, of which there is only that itself.
  await writeFile(resolvConf, 'nameserver 127.0.0.1\n')
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    // The API server comes without a certificate, for logs and commands; no pod can reach this address but the node's.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    address: nodeNetwork.nodeAddress,
    containerRuntimeEndpoint: runtimeEndpoint,
    cgroupDriver: 'cgroupfs',
    clusterDNS: [nodeNetwork.clusterDns],
    clusterDomain: 'cluster.local',
    failCgroupV1: false,
    failSwapOn: false,
    resolvConf,
    // Images can't be fetched again.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '1%', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    volumePluginDir: pluginFolderOf(folder),
    oomScoreAdj: 0,
  }
  const configFile = await writeJson(join(folder, 'kubelet.yaml'), config)
  const args = [
    `--config=${configFile}`,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${nodeNetwork.nodeAddress}`,
    '--root-dir=/var/lib/kubelet',
  ]
  return new Service({ program: programs.kubelet, args, env: { PATH: systemPath } })
}

/** Lets connections to Services arrive at pods. */
export async function startKubeProxy({ programs, kubeconfig, folder }: AgentWish): Promise<Service> {
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig },
    mode: 'nftables',
    clusterCIDR: nodeNetwork.pods,
    hostnameOverride: nodeName,
    bindAddress: nodeNetwork.nodeAddress,
    // A second is the default, in which a new endpoint's first connections are refused.
    nftables: { minSyncPeriod: '100ms' },
    // The machine's limits are not ours to change.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  }
  const args = [`--config=${await writeJson(join(folder, 'kube-proxy.yaml'), config)}`]
  return new Service({ program: programs.kubeProxy, args, env: { PATH: systemPath } })
}

/** Makes pods of Deployments, endpoints of Services, tokens' CA bundles and so on. */
export function startControllerManager(wish: AgentWish): Service {
  const args = [
    `--kubeconfig=${wish.kubeconfig}`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
    `--root-ca-file=${join(wish.controlPlaneFolder, 'cluster-ca.pem')}`,
    `--service-account-private-key-file=${join(wish.controlPlaneFolder, 'service-accounts.key')}`,
    `--flex-volume-plugin-dir=${pluginFolderOf(wish.folder)}`,
  ]
  return new Service({ program: wish.programs.controllerManager, args, env: { PATH: systemPath } })
}

/** Binds pods to the node. */
export function startScheduler({ programs, kubeconfig }: AgentWish): Service {
  const args = [`--kubeconfig=${kubeconfig}`, '--bind-address=127.0.0.1', '--leader-elect=false']
  return new Service({ program: programs.scheduler, args, env: { PATH: systemPath } })
}

// JSON is YAML.
async function writeJson(file: string, content: object): Promise<string> {
  await writeFile(file, JSON.stringify(content))
  return file
}
