import assert from 'node:assert/strict'
import { test } from 'node:test'
import { render, valuesFiles } from './testing/helm.ts'
import type { Loose, Rendered } from './testing/helm.ts'
import { podsOf, selects } from './testing/pods.ts'
import type { PodTemplate } from './testing/pods.ts'

for (const values of valuesFiles) {
  const objects = render(values)
  const pods = podsOf(objects)

  test(`pods of ${values.name} satisfy the restricted Pod Security Standard, and have nothing to write to but volumes`, () => {
    for (const pod of pods) {
      assertRestricted(pod)
      for (const { securityContext } of containersOf(pod)) {
        assert.equal(securityContext.readOnlyRootFilesystem, true, pod.title)
        assert.equal(securityContext.privileged, false, pod.title)
      }
    }
  })

  test(`pods of ${values.name} get no variables of Services, and a token only where it is used`, () => {
    for (const { title, spec, labels } of pods) {
      assert.equal(spec.enableServiceLinks, false, title)
      const asksApiServer = ['server', 'create-secrets'].includes(labels['app.kubernetes.io/component'] ?? '')
      assert.equal(spec.automountServiceAccountToken, asksApiServer, title)
    }
  })

  test(`containers of ${values.name} have requests, a memory limit, and an image that is pinned to a version`, () => {
    for (const pod of pods) {
      for (const { image, resources } of containersOf(pod)) {
        assert.match(image, /(:[^:/]+|@sha256:[0-9a-f]{64})$/, pod.title)
        assert.doesNotMatch(image, /:latest$/, pod.title)
        assert.ok(resources.requests.cpu && resources.requests.memory && resources.limits.memory, pod.title)
      }
    }
  })

  test(`no variable of ${values.name} holds a secret`, () => {
    for (const pod of pods) {
      for (const { name, value, valueFrom } of containersOf(pod).flatMap(({ env = [] }: Loose) => env)) {
        if (/PASSWORD$|SECRET|TOKEN/.test(name)) assert.ok(valueFrom?.secretKeyRef, `${pod.title}: ${name}`)
        assert.doesNotMatch(value ?? '', /:\/\/[^/@]*:[^/@]*@/, `${pod.title}: ${name} has a password in its URL`)
      }
    }
    assert.deepEqual(
      objects.filter(({ kind }) => kind === 'Secret'),
      [],
    )
  })

  test(`every volume of ${values.name} is mounted, and every mount has its volume`, () => {
    for (const pod of pods) {
      const volumes = (pod.spec.volumes ?? []).map(({ name }: Loose) => name)
      const templates = (pod.owner['spec'].volumeClaimTemplates ?? []).map(({ metadata }: Loose) => metadata.name)
      const mounts = containersOf(pod).flatMap(({ volumeMounts = [] }: Loose) => volumeMounts)
      assert.deepEqual(sorted(mounts.map(({ name }: Loose) => name)), sorted([...volumes, ...templates]), pod.title)
      const paths = mounts.map(({ mountPath }: Loose) => mountPath)
      assert.deepEqual(paths, [...new Set(paths)], pod.title)
    }
  })

  test(`what pods of ${values.name} refer to is in the release, or named by a value`, () => {
    const has = (kind: string, name: string) =>
      objects.some((object) => object.kind === kind && object.metadata.name === name)
    for (const { title, spec } of pods) {
      const given = ['pki', undefined]
      assert.ok(given.includes(spec.serviceAccountName) || has('ServiceAccount', spec.serviceAccountName), title)
      for (const { configMap } of spec.volumes ?? []) {
        if (configMap !== undefined && configMap.optional !== true) assert.ok(has('ConfigMap', configMap.name), title)
      }
    }
  })

  test(`selectors of ${values.name} select the pods that they are for`, () => {
    for (const { title, owner, labels } of pods) {
      const selector = owner['spec'].selector?.matchLabels
      if (selector !== undefined) assert.ok(selects(selector, labels), title)
    }
    for (const service of objects.filter(({ kind }) => kind === 'Service')) {
      const [pod, ...others] = pods.filter(({ labels }) => selects(service['spec'].selector, labels))
      assert.ok(pod !== undefined && others.length === 0, `Service ${service.metadata.name} selects no pods, or others`)
      const names = containersOf(pod).flatMap(({ ports = [] }: Loose) => ports.map(({ name }: Loose) => name))
      for (const { targetPort } of service['spec'].ports) {
        assert.ok(names.includes(targetPort), `Service ${service.metadata.name}: no port ${targetPort}`)
      }
    }
    for (const { kind, metadata, spec } of selectingObjects(objects)) {
      const selector = spec.podSelector?.matchLabels ?? spec.selector?.matchLabels
      assert.ok(
        pods.some(({ labels }) => selects(selector, labels)) || acceptsNoPods(metadata.name),
        `${kind} ${metadata.name}`,
      )
    }
  })

  test(`every pod of ${values.name} is under a NetworkPolicy for both directions`, () => {
    const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy')
    if (policies.length === 0) return
    for (const { title, labels } of pods) {
      const over = policies.filter(({ spec }) => selects(spec.podSelector.matchLabels, labels))
      assert.ok(over.length >= 2, `${title}: ${over.length} policies`)
      for (const { spec } of over) assert.deepEqual(spec.policyTypes, ['Ingress', 'Egress'])
    }
    const denied = policies.find(({ metadata }) => metadata.name.endsWith('-default-deny'))
    assert.equal(denied?.['spec'].ingress, undefined)
    assert.equal(denied?.['spec'].egress, undefined)
  })
}

test('probes ask over HTTPS: /health for start and life, /ready for traffic', () => {
  for (const values of valuesFiles) {
    const server = podsOf(render(values)).find(({ labels }) => labels['app.kubernetes.io/component'] === 'server')
    if (server === undefined) continue
    const { startupProbe, livenessProbe, readinessProbe } = server.spec.containers[0]
    const get = (path: string) => ({ path, port: 'https', scheme: 'HTTPS' })
    assert.deepEqual(startupProbe.httpGet, get('/health'))
    assert.deepEqual(livenessProbe.httpGet, get('/health'))
    assert.deepEqual(readinessProbe.httpGet, get('/ready'))
    assert.ok(startupProbe.periodSeconds * startupProbe.failureThreshold >= 300)
  }
})

test('nothing is asked over plain HTTP whether it is well', () => {
  for (const { title, spec } of valuesFiles.flatMap((values) => podsOf(render(values)))) {
    for (const container of spec.containers) {
      for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
        if (probe?.httpGet !== undefined) assert.equal(probe.httpGet.scheme, 'HTTPS', title)
      }
    }
  }
})

test('a pod has time for all of its shutdown', () => {
  for (const [drainSeconds, timeoutSeconds] of [[5, 20] as const, [30, 120] as const]) {
    const [server] = podsOf(render({ server: { shutdown: { drainSeconds, timeoutSeconds } } }))
    assert.equal(server?.spec.terminationGracePeriodSeconds, drainSeconds + timeoutSeconds + 10)
  }
})

test('only pods of the server reach the embedded database, and it reaches nobody', () => {
  const objects = render({})
  const policy = objects.find(
    ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'certctl-postgresql',
  )
  assert.ok(policy)
  const [rule, ...others] = policy['spec'].ingress
  assert.deepEqual(others, [])
  const allowed = podsOf(objects).filter(({ labels }) => selects(rule.from[0].podSelector.matchLabels, labels))
  assert.deepEqual(
    allowed.map(({ title }) => title),
    ['Deployment certctl'],
  )
  assert.equal(policy['spec'].egress, undefined)
})

test('pods reach DNS servers on their ports, before and after the translation of a Service', () => {
  const acmeServer = { resolvers: ['10.0.0.10:5300', '10.0.0.11'], validation: { resolversCap: ['[fd00::10]:5400'] } }
  const policies = render({ acmeServer }).filter(({ kind }) => kind === 'NetworkPolicy')
  const policy = policies.find(({ metadata }) => metadata.name === 'certctl-server')
  const [{ ports }] = policy?.['spec'].egress ?? []
  const both = (port: number) => ['UDP', 'TCP'].map((protocol) => ({ port, protocol }))
  assert.deepEqual(ports, [53, 5353, 5300, 5400].flatMap(both))
})

test('replicas are spread, and replaced without one missing', () => {
  const strategyOf = (podAntiAffinity: string) => {
    const [server] = podsOf(render({ server: { podAntiAffinity } }))
    return {
      ...server?.owner['spec'].strategy.rollingUpdate,
      affinity: Object.keys(server?.spec.affinity?.podAntiAffinity ?? {}),
    }
  }
  const preferred = ['preferredDuringSchedulingIgnoredDuringExecution']
  const required = ['requiredDuringSchedulingIgnoredDuringExecution']
  assert.deepEqual(strategyOf('preferred'), { maxSurge: 1, maxUnavailable: 0, affinity: preferred })
  assert.deepEqual(strategyOf('required'), { maxSurge: 0, maxUnavailable: 1, affinity: required })
  assert.deepEqual(strategyOf('none'), { maxSurge: 1, maxUnavailable: 0, affinity: [] })
})

test('pods change when the samples do, and not with the version of the chart alone', () => {
  const templateOf = (values: object) => podsOf(render(values))[0]?.owner['spec'].template
  const objects = [{ kind: 'Issuer', name: 'other', spec: { type: 'SelfSigned' } }]
  const annotation = (template: Loose) => template.metadata.annotations['certctl.io/initial-manifests']
  const first = annotation(templateOf({ sampleProfiles: { enabled: true } }))
  assert.notEqual(annotation(templateOf({ sampleProfiles: { enabled: true, objects } })), first)
  assert.equal(templateOf({}).metadata.labels['helm.sh/chart'], undefined)
})

function sorted(words: readonly string[]): readonly string[] {
  return words.toSorted()
}

function containersOf({ spec }: PodTemplate): Loose[] {
  return [...(spec.initContainers ?? []), ...spec.containers]
}

/** https://kubernetes.io/docs/concepts/security/pod-security-standards, in the order of that page. */
function assertRestricted(pod: PodTemplate): void {
  const { title, spec } = pod
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) assert.ok(!spec[field], `${title}: ${field}`)
  const volumeTypes = [
    'configMap',
    'csi',
    'downwardAPI',
    'emptyDir',
    'ephemeral',
    'persistentVolumeClaim',
    'projected',
    'secret',
  ]
  for (const { name, ...volume } of spec.volumes ?? []) {
    for (const type of Object.keys(volume)) assert.ok(volumeTypes.includes(type), `${title}: volume ${name}`)
  }
  const podContext = spec.securityContext
  assert.equal(podContext.seccompProfile.type, 'RuntimeDefault', title)
  assert.equal(podContext.runAsNonRoot, true, title)
  assert.notEqual(podContext.runAsUser, 0, title)
  for (const { name, ports = [], securityContext } of containersOf(pod)) {
    for (const { hostPort } of ports) assert.equal(hostPort, undefined, `${title}: ${name}`)
    assert.equal(securityContext.allowPrivilegeEscalation, false, `${title}: ${name}`)
    assert.equal(securityContext.runAsNonRoot, true, `${title}: ${name}`)
    assert.notEqual(securityContext.runAsUser, 0, `${title}: ${name}`)
    assert.deepEqual(securityContext.capabilities, { drop: ['ALL'] }, `${title}: ${name}`)
    assert.equal(securityContext.seccompProfile.type, 'RuntimeDefault', `${title}: ${name}`)
  }
}

function selectingObjects(objects: readonly Rendered[]): readonly Rendered[] {
  return objects.filter(({ kind }) => ['NetworkPolicy', 'PodDisruptionBudget'].includes(kind))
}

/** Where the ACME server is off, there is no pod that tests it, and its policy has nothing to select. */
function acceptsNoPods(name: string): boolean {
  return name.endsWith('-test')
}
