import type { Condition, Conditioned, Kind, KubeObject } from '../cluster/kinds.ts'

/** What the tests look at in a pod. */
export interface RunningPod extends Conditioned {
  readonly metadata: KubeObject['metadata'] & { readonly deletionTimestamp?: string }
  readonly spec: { readonly nodeName?: string; readonly containers: readonly { readonly image: string }[] }
  readonly status?: {
    readonly phase?: string
    readonly podIP?: string
    readonly conditions?: readonly Condition[]
    readonly containerStatuses?: readonly { readonly restartCount: number; readonly ready: boolean }[]
  }
}

function core<T extends KubeObject>(kind: string, plural: string, namespaced = true): Kind<T> {
  return { group: '', version: 'v1', plural, kind, namespaced }
}

function apps<T extends KubeObject>(kind: string, plural: string): Kind<T> {
  return { group: 'apps', version: 'v1', plural, kind, namespaced: true }
}

export const runningPods = core<RunningPod>('Pod', 'pods')
export const volumeClaims = core<KubeObject & { readonly spec: { readonly volumeName?: string } }>(
  'PersistentVolumeClaim',
  'persistentvolumeclaims',
)
export const nodes = core<KubeObject & { readonly spec: { readonly unschedulable?: boolean } }>('Node', 'nodes', false)
export const deployments = apps<KubeObject & { readonly spec: { readonly replicas: number } }>(
  'Deployment',
  'deployments',
)
export const statefulSets = apps<KubeObject>('StatefulSet', 'statefulsets')
export const disruptionBudgets: Kind<KubeObject & { readonly status?: { readonly disruptionsAllowed?: number } }> = {
  group: 'policy',
  version: 'v1',
  plural: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  namespaced: true,
}

/** Whether the pod has the condition Ready, and nobody has deleted it. */
export function isReadyPod({ metadata, status }: RunningPod): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  return ready?.status === 'True' && metadata.deletionTimestamp === undefined
}
