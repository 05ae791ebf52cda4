import { mkdir, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { helmPrograms, type HelmProgram } from '../../charts/testing/helm-programs.ts'
import { runCommand, systemPath } from '../harness/processes.ts'
import type { KubeObject } from './kinds.ts'

const chartFolder = join(dirname(dirname(import.meta.dirname)), 'charts', 'certctl')
const valuesSuffix = '-values.yaml'

/** One object of the chart. */
export interface RenderedObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: KubeObject['metadata']
  readonly spec?: unknown
  /** The document as Helm wrote it. */
  readonly yaml: string
}

/** The chart with one values file, as one Helm renders it. */
export interface Rendering {
  /** Such as `default with Helm 4`. */
  readonly title: string
  readonly text: string
  readonly objects: readonly RenderedObject[]
}

export interface RenderingWish {
  readonly namespace: string
  /** For files of Helm's. */
  readonly folder: string
  /** The version of Kubernetes that the cluster is said to be of, such as 1.34.4. */
  readonly kubeVersion: string
  /** Kinds that the cluster is said to have besides Kubernetes' own, such as `cert-manager.io/v1/Certificate`. */
  readonly apiVersions: readonly string[]
  readonly signal: AbortSignal
}

/** Renders the chart with every file of its ci folder, by every Helm. Throws what Helm says where it refuses. */
export async function renderAll(wish: RenderingWish): Promise<readonly Rendering[]> {
  const files = (await readdir(join(chartFolder, 'ci'))).filter((name) => name.endsWith(valuesSuffix)).toSorted()
  await mkdir(wish.folder, { recursive: true })
  const renderings: Rendering[] = []
  // One after the other: other cases want the processor too.
  for (const helm of helmPrograms) {
    for (const file of files) renderings.push(await render(helm, file, wish))
  }
  return renderings
}

async function render(helm: HelmProgram, values: string, wish: RenderingWish): Promise<Rendering> {
  const title = `${basename(values, valuesSuffix)} with Helm ${helm.major}`
  const { namespace, folder, kubeVersion, apiVersions, signal } = wish
  const place = ['--namespace', namespace, '--kube-version', kubeVersion]
  const options = [...place, '--values', join(chartFolder, 'ci', values)]
  const args = [
    'template',
    'certctl',
    chartFolder,
    ...options,
    ...apiVersions.flatMap((each) => ['--api-versions', each]),
  ]
  const command = { program: helm.file, args, env: { PATH: systemPath, HOME: folder } }
  const { code, stdout, output } = await runCommand(command, signal)
  if (code !== 0) throw new Error(`${title}: ${output}`)
  return { title, text: stdout, objects: objectsOf(stdout) }
}

function objectsOf(text: string): RenderedObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(document.errors.join('\n'))
    const object = document.toJS() as Omit<RenderedObject, 'yaml'> | null
    const [start, , end] = document.range
    return object === null ? [] : [{ ...object, yaml: text.slice(start, end) }]
  })
}

/** What is in a pod, so far as it is looked at here. */
interface PodTemplate {
  readonly metadata?: object
  readonly spec: { readonly serviceAccountName?: string; readonly volumes?: readonly object[] }
}

/** A pod such as an object makes. */
export interface TemplatePod extends PodTemplate {
  readonly apiVersion: 'v1'
  readonly kind: 'Pod'
  readonly metadata: { readonly name: string; readonly namespace: string }
}

/** The pod that the template in an object makes; undefined where it has none. */
export function podOf({ metadata, spec }: RenderedObject, namespace: string): TemplatePod | undefined {
  // The shape of a spec depends on the kind; only what has pods has a template with a spec.
  const { template, volumeClaimTemplates = [] } = (spec ?? {}) as {
    template?: Partial<PodTemplate>
    volumeClaimTemplates?: readonly KubeObject[]
  }
  if (template?.spec === undefined) return undefined
  const claims = volumeClaimTemplates.map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: `${name}-${metadata.name}-0` },
  }))
  const volumes = [...(template.spec.volumes ?? []), ...claims]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...template.metadata, name: `${metadata.name}-0`, namespace },
    spec: { ...template.spec, volumes },
  }
}
