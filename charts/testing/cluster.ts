import { createServer } from 'node:http'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'

/** Kinds that the chart looks up or makes, by group and version: Helm 4 wants to know them all before it renders any. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  v1: ['ConfigMap', 'Namespace', 'PersistentVolumeClaim', 'Pod', 'Secret', 'Service', 'ServiceAccount'],
  'apiextensions.k8s.io/v1': ['CustomResourceDefinition'],
  'apps/v1': ['Deployment', 'StatefulSet'],
  'batch/v1': ['Job'],
  'networking.k8s.io/v1': ['NetworkPolicy'],
  'policy/v1': ['PodDisruptionBudget'],
  'rbac.authorization.k8s.io/v1': ['ClusterRole', 'Role', 'RoleBinding'],
}

/** What Helm asks with. */
export interface Cluster {
  readonly kubeconfig: string
  stop(): Promise<void>
}

/**
 * An API server that lets objects be read, and nothing more: those are given by their paths. It stands for the cluster
 * that Helm asks while it renders.
 */
export async function startCluster(objects: Readonly<Record<string, object>>): Promise<Cluster> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const body = discovery(path) ?? objects[path]
    response.writeHead(body === undefined ? 404 : 200, { 'Content-Type': 'application/json' })
    response.end(
      JSON.stringify(body ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const folder = await mkdtemp(join(tmpdir(), 'certctl-cluster-'))
  const kubeconfig = join(folder, 'kubeconfig')
  await writeFile(kubeconfig, stringify(kubeconfigOf(`http://127.0.0.1:${address.port}`)))
  return {
    kubeconfig,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      await rm(folder, { recursive: true })
    },
  }
}

function kubeconfigOf(server: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server } }],
    users: [{ name: 'test', user: {} }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  }
}

function discovery(path: string): object | undefined {
  if (path === '/version') return { major: '1', minor: '34', gitVersion: 'v1.34.4' }
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] }
  if (path === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups() }
  const groupVersion = path.replace(/^\/apis?\//, '')
  const found = Object.hasOwn(kinds, groupVersion) ? kinds[groupVersion] : undefined
  return found && { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: found.map(resourceOf) }
}

function groups(): object[] {
  const named = Object.keys(kinds).filter((groupVersion) => groupVersion.includes('/'))
  return named.map((groupVersion) => {
    const [name = '', version = ''] = groupVersion.split('/')
    return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } }
  })
}

function resourceOf(kind: string): object {
  const name = kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`
  return {
    name: name.toLowerCase(),
    kind,
    namespaced: !['ClusterRole', 'CustomResourceDefinition', 'Namespace'].includes(kind),
    verbs: ['get', 'list'],
  }
}
