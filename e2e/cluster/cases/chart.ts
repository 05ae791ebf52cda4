import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { ApiError } from '../api-client.ts'
import { buildKubeconform } from '../build/programs.ts'
import type { CaseContext, ClusterCase } from '../cases.ts'
import { podOf, renderAll, type RenderedObject, type Rendering } from '../chart.ts'
import type { Cluster } from '../cluster.ts'
import { Discovery } from '../discovery.ts'
import { Kubeconform, type Conformity } from '../kubeconform.ts'
import { leftOut } from '../left-out.ts'
import { namespaces, pods, serviceAccounts, type Kind, type KubeObject } from '../kinds.ts'
import { JsonSchemas, type OpenApi } from '../schemas.ts'
import { until } from '../wait.ts'

/** Kinds that Helm asks for before it renders what is only for clusters that have them. */
const optionalKinds: readonly string[] = [
  'monitoring.coreos.com/v1/PrometheusRule',
  'monitoring.coreos.com/v1/ServiceMonitor',
]

const crdsFolder = join(dirname(dirname(dirname(import.meta.dirname))), 'crds')

const restricted = {
  'pod-security.kubernetes.io/enforce': 'restricted',
  // Of a Deployment's pods the API server says it only so.
  'pod-security.kubernetes.io/warn': 'restricted',
}

const runtimeClasses: Kind<KubeObject & { readonly handler: string }> = {
  group: 'node.k8s.io',
  version: 'v1',
  plural: 'runtimeclasses',
  kind: 'RuntimeClass',
  namespaced: false,
}

const claims: Kind<KubeObject> = {
  group: '',
  version: 'v1',
  plural: 'persistentvolumeclaims',
  kind: 'PersistentVolumeClaim',
  namespaced: true,
}

/** What the API server makes of everything that the chart renders. Nothing of it is stored. */
export const chartCases: readonly ClusterCase[] = [
  {
    name: 'the chart: the API server accepts every object of every values file, without a warning',
    seconds: 120,
    async run(context) {
      const { cluster, namespace, note } = context
      await cluster.createNamespace(namespace, restricted)
      const renderings = await rendered(context)
      const objects = renderings.flatMap((rendering) => rendering.objects)
      await furnish(cluster, namespace, objects)
      const judge = new Judge(cluster, namespace)
      for (const rendering of renderings) await judge.judge(rendering)
      assert.deepEqual(judge.complaints, [])
      assert.ok(judge.pods > 0, 'no object has a template of a pod')
      note(`${objects.length} objects of ${renderings.length} renderings, ${judge.requests} different`)
      note(`${judge.pods} of them pods of templates`)
    },
  },
  {
    name: 'the chart: the dry run refuses and warns where it should',
    async run({ cluster, namespace }) {
      await cluster.createNamespace(namespace, restricted)
      const kind = { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true }
      const place = { name: 'rootful', namespace }
      const labels = { app: 'rootful' }
      const spec = { containers: [{ name: 'rootful', image: 'example.com/rootful' }] }
      const template = { metadata: { labels }, spec }
      const deployment = { metadata: place, spec: { selector: { matchLabels: labels }, template } }
      const asYaml = (more: object): string => JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', ...more })
      const { warnings } = await cluster.api.dryRun(kind, place, asYaml(deployment))
      assert.match(warnings.join('\n'), /would violate PodSecurity .*restricted/)
      const pod = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: place, spec })
      await assert.rejects(cluster.api.dryRun(pods, place, pod), /violates PodSecurity .*restricted/)
      const misspelt = asYaml({ ...deployment, spec: { ...deployment.spec, replica: 1 } })
      await assert.rejects(cluster.api.dryRun(kind, place, misspelt), /field not declared in schema/)
      const doubled = asYaml(deployment).replace('"spec":', '"spec":{},"spec":')
      await assert.rejects(cluster.api.dryRun(kind, place, doubled), ApiError)
      assert.equal(await cluster.api.get(kind, 'rootful', namespace), undefined)
      // Behind a feature gate that is off.
      const dataSourceRef = { kind: 'Elsewhere', name: 'elsewhere', namespace: 'default' }
      const resources = { requests: { storage: '1Gi' } }
      const claim = { metadata: place, spec: { accessModes: ['ReadWriteOnce'], resources, dataSourceRef } }
      const { object } = await cluster.api.dryRun(
        claims,
        place,
        JSON.stringify({ apiVersion: 'v1', kind: claims.kind, ...claim }),
      )
      assert.deepEqual(leftOut(claim, object), ['.spec.dataSourceRef'])
    },
  },
  {
    name: 'the chart: every object conforms to the schemas of the API server and of the CustomResourceDefinitions',
    seconds: 120,
    async run(context) {
      const { note } = context
      const renderings = await rendered(context)
      const objects = renderings.flatMap((rendering) => rendering.objects)
      const files = renderings.map(({ title, text }) => [title, text] as const)
      const outcome = await conformity(context, objects, new Map(files))
      const valid = objects.length
      assert.deepEqual(outcome, { valid, invalid: 0, errors: 0, skipped: 0, complaints: [] })
      note(`${valid} objects of ${renderings.length} renderings`)
    },
  },
  {
    name: 'the chart: what does not conform is found out',
    seconds: 120,
    async run(context) {
      const { namespace } = context
      const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'wrong', namespace } }
      const profile = { apiVersion: 'certctl.io/v1alpha1', kind: 'CertificateProfile', metadata: { name: 'wrong' } }
      const selector = { matchLabels: {} }
      const container = { name: 'wrong', resources: { limits: { cpu: 1 } } }
      const templateOf = (more: object): object => ({ spec: { containers: [{ ...container, ...more }] } })
      const deployments = [
        { selector, template: templateOf({ imagePullPolice: 'Always' }) },
        { selector, template: templateOf({ ports: [{ containerPort: '80' }] }) },
        { template: templateOf({}) },
      ].map((spec) => JSON.stringify({ ...deployment, spec }))
      const misspelt = { issuerRef: { name: 'some' }, acme: { authMode: 'Challenge' }, valdity: { max: '1h' } }
      const right = JSON.stringify({ ...deployment, spec: { selector, template: templateOf({}) } })
      const documents = [...deployments, JSON.stringify({ ...profile, spec: misspelt }), right]
      // A doubled key: JSON is YAML.
      documents.push(right.replace('"kind":', '"kind":"Deployment","kind":'))
      const files = new Map(documents.map((text, index) => [`${index}`, text]))
      const { complaints, ...counts } = await conformity(context, [deployment, profile], files)
      assert.deepEqual(counts, { valid: 1, invalid: 4, errors: 1, skipped: 0 }, complaints.join('\n'))
    },
  },
]

/** What kubeconform makes of files, given the schemas of these objects' kinds. */
async function conformity(
  { cluster, stage, namespace, signal }: CaseContext,
  objects: readonly { readonly apiVersion: string; readonly kind: string }[],
  files: ReadonlyMap<string, string>,
): Promise<Conformity> {
  const folder = join(stage.folder, `kubeconform-${namespace}`)
  // The API server puts it together when it is first asked for, which takes longer than other answers may.
  const openApi = await until({ what: '/openapi/v2', seconds: 60, signal }, () => cluster.api.request('/openapi/v2'))
  const schemas = new JsonSchemas(openApi as OpenApi)
  for (const each of [crdsFolder, ...stage.programs.definitions]) await schemas.addDefinitions(each)
  const program = await buildKubeconform(console.log)
  const kubeconform = new Kubeconform({ program, schemas: join(folder, 'schemas') })
  const kinds = new Map(objects.map((each) => [`${each.apiVersion} ${each.kind}`, each]))
  for (const { apiVersion, kind } of kinds.values()) {
    const schema = schemas.find(apiVersion, kind)
    if (schema !== undefined) await kubeconform.writeSchema(apiVersion, kind, schema)
  }
  await mkdir(join(folder, 'rendered'))
  for (const [name, text] of files) await writeFile(join(folder, 'rendered', `${name}.yaml`), text)
  return kubeconform.judge(join(folder, 'rendered'), signal)
}

function rendered({ stage, namespace, signal }: CaseContext): Promise<readonly Rendering[]> {
  const folder = join(stage.folder, `helm-${namespace}`)
  return renderAll({ namespace, folder, kubeVersion: stage.programs.version, apiVersions: optionalKinds, signal })
}

/** Makes what admission wants to be there: other namespaces, ServiceAccounts and RuntimeClasses of pods. */
async function furnish(cluster: Cluster, namespace: string, objects: readonly RenderedObject[]): Promise<void> {
  const existing = (await cluster.api.list(namespaces)).map(({ metadata }) => metadata.name)
  const named = new Set(objects.map(({ metadata }) => metadata.namespace ?? namespace))
  for (const name of named.difference(new Set(existing))) await cluster.createNamespace(name, restricted)
  const specs = objects.flatMap((object) => podSpecOf(object, namespace))
  for (const name of new Set(specs.map(({ serviceAccountName }) => serviceAccountName ?? 'default')))
    await cluster.api.apply(serviceAccounts, { metadata: { name, namespace } })
  for (const name of new Set(specs.flatMap(({ runtimeClassName }) => runtimeClassName ?? [])))
    await cluster.api.apply(runtimeClasses, { metadata: { name }, handler: name })
}

interface PodSpec {
  readonly serviceAccountName?: string
  readonly runtimeClassName?: string
}

function podSpecOf(object: RenderedObject, namespace: string): PodSpec[] {
  const spec = object.kind === 'Pod' ? object.spec : podOf(object, namespace)?.spec
  // A pod's, then.
  return spec === undefined ? [] : [spec as PodSpec]
}

/** Has everything judged by the API server, and the same only once. */
class Judge {
  readonly complaints: string[] = []
  requests = 0
  pods = 0
  readonly #cluster: Cluster
  readonly #namespace: string
  readonly #discovery: Discovery
  readonly #seen = new Set<string>()

  constructor(cluster: Cluster, namespace: string) {
    this.#cluster = cluster
    this.#namespace = namespace
    this.#discovery = new Discovery(cluster.api)
  }

  async judge({ title, objects }: Rendering): Promise<void> {
    for (const object of objects) {
      const kind = await this.#discovery.find(object)
      if (kind === undefined) this.complaints.push(`${title}: there is no ${object.apiVersion} ${object.kind}`)
      else await this.#ask(title, kind, object)
      const pod = podOf(object, this.#namespace)
      if (pod === undefined) continue
      const asked = await this.#ask(`${title}, ${object.kind} ${object.metadata.name}`, pods, {
        ...pod,
        yaml: JSON.stringify(pod),
      })
      if (asked) this.pods++
    }
  }

  async #ask(title: string, kind: Kind<KubeObject>, { metadata, yaml }: RenderedObject): Promise<boolean> {
    if (this.#seen.has(yaml)) return false
    this.#seen.add(yaml)
    this.requests++
    const found = await this.#complaintsOf(kind, metadata, yaml).catch((error: unknown) => [String(error)])
    this.complaints.push(...found.map((text) => `${title}: ${kind.kind} ${metadata.name}: ${text}`))
    return true
  }

  async #complaintsOf(kind: Kind<KubeObject>, metadata: KubeObject['metadata'], yaml: string): Promise<string[]> {
    const { object, warnings } = await this.#cluster.api.dryRun(kind, metadata, yaml)
    return [...warnings, ...leftOut(parse(yaml), object).map((path) => `${path} would not be stored`)]
  }
}
