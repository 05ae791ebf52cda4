import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { find, objectsOf, render, repositoryFolder, valuesFiles } from './testing/helm.ts'
import type { Loose, Rendered } from './testing/helm.ts'

const documented = (file: string): readonly Rendered[] =>
  objectsOf(readFileSync(join(repositoryFolder, 'rbac', file), 'utf8'))
const rulesOf = (objects: readonly Rendered[], kind: string, name: string): unknown =>
  find(objects, kind, name)['rules']
const rolesOf = (objects: readonly Rendered[]): readonly string[] =>
  objects
    .filter(
      ({ kind, metadata }) =>
        /^(Cluster)?Role$/.test(kind) &&
        metadata.annotations?.['helm.sh/hook'] === undefined &&
        metadata.labels['app.kubernetes.io/component'] !== 'crds',
    )
    .map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`)
    .toSorted()

test('by default the operator has the rights of rbac/namespaced.yaml and no others', () => {
  const objects = render({})
  assert.deepEqual(rolesOf(objects), ['Role certctl/certctl-objects', 'Role certctl/certctl-replicas'])
  const expected = documented('namespaced.yaml')
  for (const name of ['certctl-objects', 'certctl-replicas']) {
    assert.deepEqual(rulesOf(objects, 'Role', name), rulesOf(expected, 'Role', name))
  }
})

test('for all namespaces it has those of rbac/cluster.yaml on top', () => {
  const objects = render({ server: { watchNamespaces: ['*'] } })
  assert.deepEqual(rolesOf(objects), [
    'ClusterRole /certctl-objects.certctl',
    'Role certctl/certctl-objects',
    'Role certctl/certctl-replicas',
  ])
  const expected = documented('cluster.yaml')
  assert.deepEqual(
    rulesOf(objects, 'ClusterRole', 'certctl-objects.certctl'),
    rulesOf(expected, 'ClusterRole', 'certctl-objects'),
  )
})

test('for ClusterIssuers and the trust bundle it has those of rbac/cluster-issuers.yaml, each on its own', () => {
  const rules = (server: object) => rulesOf(render({ server }), 'ClusterRole', 'certctl-trust.certctl')
  const [clusterIssuers, clusterTrustBundles] = find(
    documented('cluster-issuers.yaml'),
    'ClusterRole',
    'certctl-trust',
  )['rules']
  assert.deepEqual(rules({ clusterIssuers: true, clusterTrustBundle: true }), [clusterIssuers, clusterTrustBundles])
  assert.deepEqual(rules({ clusterIssuers: true }), [clusterIssuers])
  assert.deepEqual(rules({ clusterTrustBundle: true }), [clusterTrustBundles])
})

test('in namespaces that it watches or publishes to it has what that needs', () => {
  const objects = render({ server: { watchNamespaces: ['team-a', 'certctl'], trustNamespaces: ['team-a', 'web'] } })
  assert.deepEqual(rolesOf(objects), [
    'Role certctl/certctl-objects',
    'Role certctl/certctl-replicas',
    'Role team-a/certctl-objects.certctl',
    'Role web/certctl-trust.certctl',
  ])
  assert.deepEqual(rulesOf(objects, 'Role', 'certctl-trust.certctl'), [
    { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
    { apiGroups: [''], resources: ['configmaps'], resourceNames: ['certctl-trust'], verbs: ['get', 'update'] },
  ])
})

test('samples give the rights of rbac/initial-manifests.yaml', () => {
  const name = 'certctl-initial-manifests'
  const expected = rulesOf(documented('initial-manifests.yaml'), 'Role', name)
  assert.deepEqual(rulesOf(render({ sampleProfiles: { enabled: true } }), 'Role', name), expected)
})

test('who may view or edit a namespace may do so with its Issuers and profiles, unless that is switched off', () => {
  const aggregated = (values: object) =>
    render(values).filter(
      ({ kind, metadata }) => kind === 'ClusterRole' && metadata.labels['app.kubernetes.io/component'] === 'crds',
    )
  const [edit, view] = aggregated({})
  const to = (role: Rendered | undefined): readonly string[] =>
    Object.keys(role?.metadata.labels ?? {}).filter((label) => label.startsWith('rbac.authorization.k8s.io/'))
  const labelled = (role: string): string => `rbac.authorization.k8s.io/aggregate-to-${role}`
  assert.deepEqual(to(view), ['view', 'edit', 'admin'].map(labelled))
  assert.deepEqual(to(edit), ['edit', 'admin'].map(labelled))
  assert.deepEqual(view?.['rules'][0].verbs, ['get', 'list', 'watch'])
  assert.deepEqual(edit?.['rules'][0].resources, ['issuers', 'certificateprofiles'])
  assert.deepEqual(aggregated({ crds: { enabled: false } }), [])
  assert.deepEqual(aggregated({ rbac: { aggregateClusterRoles: false } }), [])
})

test('two releases of one name share nothing outside of their namespaces', () => {
  const values = {
    crds: { enabled: false },
    server: { watchNamespaces: ['shared'], trustNamespaces: ['web'], clusterIssuers: true },
  }
  const elsewhere = (namespace: string): readonly string[] =>
    render(values, { namespace })
      .filter(({ metadata }) => metadata.namespace !== namespace)
      .map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`)
  const first = elsewhere('team-a')
  assert.equal(first.length, 6)
  const second = new Set(elsewhere('team-b'))
  assert.deepEqual(
    first.filter((object) => second.has(object)),
    [],
  )
})

test('the Job that makes the password may make Secrets and read that one, before anything else is there', () => {
  const objects = render({})
  assert.deepEqual(rulesOf(objects, 'Role', 'certctl-create-secrets'), [
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames: ['certctl-postgresql'], verbs: ['get'] },
  ])
  const hooks = objects.filter(({ metadata }) => metadata.labels['app.kubernetes.io/component'] === 'create-secrets')
  assert.deepEqual(hooks.map(({ kind }) => kind).toSorted(), [
    'Job',
    'NetworkPolicy',
    'Role',
    'RoleBinding',
    'ServiceAccount',
  ])
  for (const { kind, metadata } of hooks) {
    assert.equal(metadata.annotations?.['helm.sh/hook'], 'pre-install,pre-upgrade')
    assert.equal(metadata.annotations['helm.sh/hook-weight'], kind === 'Job' ? '0' : '-10')
  }
})

test('the Job that migrates has the database alone, and all that it needs before anything else is there', () => {
  const externalDatabase = { host: 'pg.example.com', existingSecret: 'db', caSecret: { name: 'pg-ca' } }
  const values = (migrationJob: boolean) => ({
    postgresql: { enabled: false },
    externalDatabase: { ...externalDatabase, migrationJob },
  })
  const objects = render(values(true))
  const hooks = objects.filter(({ metadata }) => metadata.labels['app.kubernetes.io/component'] === 'migrate')
  assert.deepEqual(hooks.map(({ kind }) => kind).toSorted(), ['Job', 'NetworkPolicy', 'ServiceAccount'])
  for (const { metadata } of hooks) assert.equal(metadata.annotations?.['helm.sh/hook'], 'pre-install,pre-upgrade')
  const { containers, automountServiceAccountToken } = find(objects, 'Job', 'certctl-migrate')['spec'].template.spec
  assert.equal(automountServiceAccountToken, false)
  assert.deepEqual(containers[0].args, ['migrate'])
  const server = find(objects, 'Deployment', 'certctl')['spec'].template.spec.containers[0]
  const databaseOf = ({ env }: Loose) =>
    env.filter(({ name }: Loose) => ['CERTCTL_DATABASE_URL', 'PGPASSWORD'].includes(name))
  assert.deepEqual(containers[0].env, databaseOf(server))
  const [, egress] = find(objects, 'NetworkPolicy', 'certctl-migrate')['spec'].egress
  assert.deepEqual(egress, { ports: [{ port: 5432, protocol: 'TCP' }] })
  assert.deepEqual(
    render(values(false)).filter(({ metadata }) => metadata.annotations?.['helm.sh/hook']?.startsWith('pre-')),
    [],
  )
})

test('no Job is there where the password is brought', () => {
  for (const values of [
    { postgresql: { auth: { existingSecret: 'pg' } } },
    { postgresql: { enabled: false }, externalDatabase: { host: 'pg.example.com', existingSecret: 'db' } },
  ]) {
    assert.deepEqual(
      render(values).filter(({ kind }) => kind === 'Job'),
      [],
    )
  }
})

test('rbac.create=false gives no rights to anybody', () => {
  const objects = render({ rbac: { create: false }, postgresql: { auth: { existingSecret: 'pg' } } })
  assert.deepEqual(
    objects.filter(({ kind }) => kind.includes('Role')),
    [],
  )
})

for (const values of valuesFiles) {
  test(`no Role of ${values.name} has a wildcard, lists Secrets or escalates, and each is bound to its ServiceAccount`, () => {
    const objects = render(values)
    const roles = objects.filter(
      ({ kind, metadata }) =>
        /^(Cluster)?Role$/.test(kind) && metadata.labels['app.kubernetes.io/component'] !== 'crds',
    )
    for (const role of roles) {
      for (const { apiGroups, resources, verbs } of role['rules']) {
        const words = [...apiGroups, ...resources, ...verbs]
        for (const word of ['*', 'escalate', 'bind', 'impersonate', 'deletecollection']) {
          assert.ok(!words.includes(word), `${role.metadata.name}: ${word}`)
        }
        if (resources.includes('secrets')) {
          for (const verb of ['list', 'watch', 'delete', 'patch']) assert.ok(!verbs.includes(verb), role.metadata.name)
        }
      }
      const binding = objects.find(
        ({ kind, metadata }) =>
          kind === `${role.kind}Binding` &&
          metadata.name === role.metadata.name &&
          metadata.namespace === role.metadata.namespace,
      )
      assert.deepEqual(binding?.['roleRef'], {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: role.kind,
        name: role.metadata.name,
      })
      assert.equal(binding?.['subjects'].length, 1)
    }
  })
}
