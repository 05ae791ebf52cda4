import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Kubectl } from '../cluster/kubectl.ts'
import { nodeName } from './node-agents.ts'

/** How many volumes there are to be claimed. */
const volumeCount = 6

const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
}

/** Offers volumes on the node's disk, of the class that claims get which name none. */
export async function offerVolumes(kubectl: Kubectl, folder: string): Promise<void> {
  const volumes = await Promise.all(Array.from({ length: volumeCount }, (_, index) => volume(folder, index)))
  await kubectl.run(
    ['apply', '-f', '-'],
    [storageClass, ...volumes].map((object) => JSON.stringify(object)).join('\n---\n'),
  )
}

async function volume(folder: string, index: number): Promise<object> {
  const path = join(folder, `volume-${index}`)
  await mkdir(path, { recursive: true })
  await chmod(path, 0o755)
  const isNode = { key: 'kubernetes.io/hostname', operator: 'In', values: [nodeName] }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `volume-${index}` },
    spec: {
      capacity: { storage: '20Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: storageClass.metadata.name,
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [isNode] }] } },
    },
  }
}
