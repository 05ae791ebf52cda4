import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { furnishNamespace, mount, mountTemporary } from '../harness/namespace.ts'
import { findHierarchies, mountHierarchies } from './cgroups.ts'
import { NodeUnfit } from './unfit.ts'
import { nodeName } from './node-agents.ts'
import { nodeNetwork, openNodeNetwork } from './network.ts'

/** Folders of the system that are large, each with one of ours in its place. */
const onDisk = ['/var/lib/kubelet', '/var/lib/containerd', '/var/log/pods', '/var/log/containers']

/** The kubelet writes these, and ends where it can't. It is shown files that hold what it wants. */
const kernelSettings = { 'vm/overcommit_memory': '1', 'kernel/panic': '10', 'kernel/panic_on_oops': '1' }

/** Folders of the system that the node sees empty. */
const hidden = ['/run', '/var/lib', '/var/log']

/** Throws {@link NodeUnfit} where one of these paths, which the node needs, is in a folder that it sees empty. */
export function requireVisible(paths: readonly string[]): void {
  for (const path of paths) {
    const above = hidden.find((folder) => path.startsWith(`${folder}/`))
    if (above !== undefined) throw new NodeUnfit(`${path} can't be below ${above}, which a node needs for itself.`)
  }
}

/** Makes of new namespaces a machine that can be a node, and resolves names as a pod of the cluster does. */
export async function furnishNode(folder: string): Promise<void> {
  const hierarchies = await findHierarchies()
  await mount(['--make-rprivate', '/'])
  await furnishNamespace({
    // The API server reaches the kubelet by the node's name.
    hosts: [`${nodeNetwork.nodeAddress} ${nodeName}`],
    nameserver: nodeNetwork.clusterDns,
    resolverOptions: ['search default.svc.cluster.local svc.cluster.local cluster.local', 'options ndots:5'],
    folder: join(folder, 'etc'),
  })
  await mountHierarchies(hierarchies)
  for (const temporary of hidden) await mountTemporary(temporary)
  for (const target of onDisk) {
    const source = join(folder, 'disk', target)
    await mkdir(source, { recursive: true })
    await mkdir(target, { recursive: true })
    await mount(['--bind', source, target])
  }
  for (const [name, value] of Object.entries(kernelSettings)) {
    const file = join(folder, 'etc', name.replaceAll('/', '_'))
    await writeFile(file, value)
    await mount(['--bind', file, join('/proc/sys', name)])
  }
  await openNodeNetwork()
}
