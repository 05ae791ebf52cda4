import assert from 'node:assert/strict'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  chartFolder,
  find,
  helm,
  helm3,
  helm4,
  helms,
  objectsOf,
  render,
  template,
  valuesFiles,
} from './testing/helm.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

const prometheusKinds = ['monitoring.coreos.com/v1/ServiceMonitor', 'monitoring.coreos.com/v1/PrometheusRule']
const withPrometheus = prometheusKinds.flatMap((kind) => ['--api-versions', kind])

test('there are values files to render', () => {
  assert.ok(valuesFiles.length >= 10, `${valuesFiles.length} files`)
})

for (const program of helms) {
  test(`helm lint --strict is content with every values file (Helm ${program.major})`, () => {
    for (const { name, file } of valuesFiles) {
      const { code, output } = helm(program, ['lint', '--strict', chartFolder, '--values', file])
      assert.equal(code, 0, `${name}: ${output}`)
      assert.doesNotMatch(output, /WARNING|ERROR/, name)
    }
  })
}

for (const values of valuesFiles) {
  test(`both Helms render ${values.name} alike, and a second time too`, () => {
    const first = template(values, { program: helm3 })
    assert.equal(first.code, 0, first.output)
    assert.equal(template(values, { program: helm4 }).stdout, first.stdout)
    assert.equal(template(values, { program: helm3 }).stdout, first.stdout)
  })

  test(`objects of ${values.name} are complete, and each is there once`, () => {
    const objects = render(values, { namespace: 'pki', args: withPrometheus })
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`)
    assert.deepEqual(names, [...new Set(names)])
    const clusterScoped = ['CustomResourceDefinition', 'ClusterRole', 'ClusterRoleBinding']
    for (const { apiVersion, kind, metadata } of objects) {
      assert.ok(apiVersion && kind && metadata.name, JSON.stringify(metadata))
      assert.equal(metadata.namespace === undefined, clusterScoped.includes(kind), `${kind} ${metadata.name}`)
      assert.ok(metadata.name.length <= 63, metadata.name)
      assert.equal(metadata.labels['app.kubernetes.io/part-of'], 'certctl', `${kind} ${metadata.name}`)
    }
  })
}

test('two long release names that begin alike have names of their own', () => {
  const nameOf = (release: string) =>
    render({}, { release }).find(({ kind }) => kind === 'Deployment')?.metadata.name ?? ''
  const [first, second] = [nameOf(`${'a'.repeat(50)}-1`), nameOf(`${'a'.repeat(50)}-2`)]
  assert.notEqual(first, second)
  assert.ok(first.length <= 40, first)
})

test('dots of a release name, which Services may not have, become hyphens', () => {
  for (const { kind, metadata } of render({ sampleProfiles: { enabled: true } }, { release: 'ca.v2' })) {
    if (kind !== 'CustomResourceDefinition') assert.match(metadata.name, /^ca-v2-certctl(-[a-z]+)*(\.certctl)?$/)
  }
})

test('names are text, whatever they look like to YAML', () => {
  const file = valuesFiles.find(({ name }) => name === 'odd-names')
  assert.ok(file)
  const notText: string[] = []
  for (const object of render(file, { release: 'true', namespace: '1e3', args: withPrometheus })) {
    collect(object, object.kind)
  }
  assert.deepEqual(notText, [])

  function collect(value: unknown, path: string): void {
    if (typeof value !== 'object' || value === null) return
    for (const [key, member] of Object.entries(value)) {
      const here = `${path}.${key}`
      const name = /^(name|namespace|secretName|key|host|image|.*Name)$|^app\.kubernetes\.io/.test(key)
      if (name && typeof member !== 'string') notText.push(`${here}: ${JSON.stringify(member)}`)
      collect(member, here)
    }
  }
})

test('a long release name leaves every name short enough', () => {
  const release = 'a-release-with-a-name-as-long-as-helm-allows-to-53ch'
  for (const { kind, metadata } of render({ sampleProfiles: { enabled: true } }, { release })) {
    assert.ok(kind === 'CustomResourceDefinition' || metadata.name.length <= 63, metadata.name)
  }
})

test('the release of another name has it in the names of its objects', () => {
  const objects = render({}, { release: 'ca' })
  find(objects, 'Deployment', 'ca-certctl')
  find(objects, 'StatefulSet', 'ca-certctl-postgresql')
})

test('CustomResourceDefinitions are kept at uninstall, unless crds.keep says otherwise, and can be left out', () => {
  const crdsOf = (values: object) => render(values).filter(({ kind }) => kind === 'CustomResourceDefinition')
  const kept = crdsOf({})
  assert.deepEqual(
    kept.map(({ metadata }) => metadata.name),
    ['certificateprofiles.certctl.io', 'issuers.certctl.io'],
  )
  for (const { metadata } of kept) {
    assert.equal(metadata.annotations?.['helm.sh/resource-policy'], 'keep')
    assert.equal(metadata.annotations['argocd.argoproj.io/sync-options'], 'Prune=false')
  }
  for (const { metadata } of crdsOf({ crds: { keep: false } })) {
    assert.equal(metadata.annotations?.['helm.sh/resource-policy'], undefined)
  }
  assert.deepEqual(crdsOf({ crds: { enabled: false } }), [])
})

test('server.enabled=false renders CustomResourceDefinitions and nothing else', () => {
  const kinds = render({ server: { enabled: false } }).map(({ kind }) => kind)
  assert.deepEqual(kinds, ['CustomResourceDefinition', 'CustomResourceDefinition'])
})

test('the PodDisruptionBudget is there above one replica alone', () => {
  const budgets = (values: object) => render(values).filter(({ kind }) => kind === 'PodDisruptionBudget')
  assert.deepEqual(budgets({ server: { replicas: 1 } }), [])
  assert.equal(budgets({ server: { replicas: 2 } })[0]?.['spec'].maxUnavailable, 1)
  assert.equal(
    budgets({ server: { replicas: 3 }, podDisruptionBudget: { minAvailable: 2 } })[0]?.['spec'].minAvailable,
    2,
  )
})

test('a bound of the budget that is null is none', () => {
  const podDisruptionBudget = { minAvailable: 1, maxUnavailable: null }
  const { spec } = find(render({ podDisruptionBudget }), 'PodDisruptionBudget', 'certctl')
  assert.deepEqual([spec.minAvailable, spec.maxUnavailable], [1, undefined])
})

test('with an autoscaler the Deployment leaves the number of replicas alone', () => {
  const objects = render({ autoscaling: { enabled: true } })
  assert.equal(find(objects, 'Deployment', 'certctl')['spec'].replicas, undefined)
  assert.equal(find(objects, 'HorizontalPodAutoscaler', 'certctl')['spec'].minReplicas, 2)
})

test('kinds of the Prometheus operator can be left out where the cluster has none', () => {
  const skip = { enabled: true, renderMode: 'skipIfMissing' }
  const values = { monitoring: { serviceMonitor: skip, prometheusRule: skip } }
  const kinds = (args: readonly string[]) => render(values, { args }).map(({ kind }) => kind)
  for (const kind of ['ServiceMonitor', 'PrometheusRule']) {
    assert.ok(!kinds([]).includes(kind))
    assert.ok(kinds(withPrometheus).includes(kind))
  }
})

test('a parent chart shares globals with it', () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'charts'))
  cpSync(chartFolder, join(folder, 'charts', 'certctl'), { recursive: true })
  writeFileSync(
    join(folder, 'Chart.yaml'),
    'apiVersion: v2\nname: parent\nversion: 1.0.0\ndependencies:\n  - { name: certctl, version: 0.x, condition: certctl.enabled }\n',
  )
  const certctl = { enabled: true, server: { replicas: 3 } }
  const global = { imageRegistry: 'registry.example.com', somebodyElse: { has: [1] } }
  for (const program of helms) {
    const { code, stdout, output } = helm(program, ['template', 'all', folder], { global, certctl })
    assert.equal(code, 0, output)
    const deployment = find(objectsOf(stdout), 'Deployment', 'all-certctl')
    assert.equal(deployment['spec'].replicas, 3)
    assert.match(deployment['spec'].template.spec.containers[0].image, /^registry\.example\.com\/certctl\/certctl:/)
  }
})

test('the package holds what an installation needs, and no tests', () => {
  const folder = temporaryFolder()
  const { code, output } = helm(helm4, ['package', chartFolder, '--destination', folder])
  assert.equal(code, 0, output)
  const archive = join(folder, 'certctl-0.1.0.tgz')
  assert.equal(helm(helm3, ['template', 'certctl', archive]).code, 0)
  assert.match(helm(helm3, ['show', 'readme', archive]).stdout, /^# certctl$/m)
})

test('the notes tell the directories, the ClusterIssuer and what is worth knowing', () => {
  const notes = (values: object) =>
    helm(helm4, ['install', 'certctl', chartFolder, '-n', 'pki', '--dry-run=client'], values).stdout.split(
      'NOTES:',
    )[1] ?? ''
  const samples = notes({ sampleProfiles: { enabled: true }, acmeServer: { defaultProfileId: 'trusted' } })
  assert.match(samples, /^ {2}https:\/\/certctl\.pki\.svc:8443\/acme\/profile\/trusted\/directory$/m)
  assert.match(samples, /^ {2}https:\/\/certctl\.pki\.svc:8443\/acme\/directory /m)
  assert.match(samples, /kind: ClusterIssuer/)
  assert.match(samples, /caBundle: \$\(kubectl -n pki get configmap certctl-trust /)
  assert.match(samples, /one pod without backups/)
  const careless = notes({ server: { replicas: 1, rateLimiting: { backend: 'memory' } }, crds: { keep: false } })
  assert.match(careless, /server\.replicas/)
  assert.match(careless, /server\.rateLimiting\.backend/)
  assert.match(careless, /crds\.keep=false/)
  const ingress = { enabled: true, hosts: ['ca.example.com'] }
  assert.match(notes({ ingress }), /show the address of its controller: .* Ask for proof/)
  const tls = { mode: 'existingSecret', existingSecret: { name: 'public', caKey: '' } }
  const known = notes({ ingress, tls, sampleProfiles: { enabled: true } })
  assert.match(known, /server: https:\/\/ca\.example\.com\/acme\/profile\/trusted\/directory$/m)
  assert.match(known, /The same below https:\/\/certctl\.pki\.svc:8443$/m)
  assert.doesNotMatch(known, /caBundle/)
  const signed = notes({ tls: { mode: 'certManager', certManager: { issuerRef: { name: 'corporate' } } } })
  assert.match(signed, /If ClusterIssuer corporate is served by certctl itself/)
})
