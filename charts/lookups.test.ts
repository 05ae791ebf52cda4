import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { startCluster } from './testing/cluster.ts'
import { chartFolder, helms } from './testing/helm.ts'
import type { HelmProgram } from './testing/helm-programs.ts'

const namespace = '/api/v1/namespaces/certctl'
const defaultAccount = {
  [`${namespace}/serviceaccounts/default`]: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } },
}
const secret = (name: string, ...keys: readonly string[]): Record<string, object> => ({
  [`${namespace}/secrets/${name}`]: {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    data: Object.fromEntries(keys.map((key) => [key, 'c2VjcmV0'])),
  },
})
const ofHelm = (name: string, namespace: string) => ({
  labels: { 'app.kubernetes.io/managed-by': 'Helm' },
  annotations: { 'meta.helm.sh/release-name': name, 'meta.helm.sh/release-namespace': namespace },
})
const volume = {
  [`${namespace}/persistentvolumeclaims/data-certctl-postgresql-0`]: {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data-certctl-postgresql-0' },
  },
}
const database = {
  ...volume,
  '/apis/apps/v1/namespaces/certctl/statefulsets/certctl-postgresql': {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'certctl-postgresql', namespace: 'certctl', ...ofHelm('certctl', 'certctl') },
    spec: {
      template: {
        spec: {
          containers: [
            {
              env: [
                { name: 'POSTGRES_USER', value: 'certctl' },
                { name: 'POSTGRES_DB', value: 'certctl' },
              ],
            },
          ],
        },
      },
      volumeClaimTemplates: [
        {
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: '8Gi' } },
            volumeMode: 'Filesystem',
          },
        },
      ],
    },
  },
}
const claims = {
  [`${namespace}/persistentvolumeclaims`]: {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaimList',
    items: [
      { metadata: { name: 'data-of-somebody' } },
      {
        metadata: {
          name: 'data-certctl-postgresql-0',
          labels: {
            'app.kubernetes.io/name': 'certctl',
            'app.kubernetes.io/instance': 'certctl',
            'app.kubernetes.io/component': 'postgresql',
          },
        },
      },
    ],
  },
}
const password = secret('certctl-postgresql', 'password')
const deployed = {
  '/apis/apps/v1/namespaces/certctl/deployments': {
    apiVersion: 'apps/v1',
    kind: 'DeploymentList',
    items: [
      {
        metadata: { name: 'certctl', labels: {} },
        spec: {
          selector: {
            matchLabels: {
              'app.kubernetes.io/component': 'server',
              'app.kubernetes.io/instance': 'certctl',
              'app.kubernetes.io/name': 'certctl',
            },
          },
        },
      },
    ],
  },
}
const release = (instance: string): Record<string, object> => ({
  '/apis/apps/v1/namespaces/certctl/deployments': {
    apiVersion: 'apps/v1',
    kind: 'DeploymentList',
    items: [
      { metadata: { name: 'somebody-else' } },
      {
        metadata: {
          name: `${instance}-certctl`,
          labels: {
            'app.kubernetes.io/part-of': 'certctl',
            'app.kubernetes.io/component': 'server',
            'app.kubernetes.io/instance': instance,
          },
        },
      },
    ],
  },
})
const definition = (metadata: object): Record<string, object> => ({
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/issuers.certctl.io': {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'issuers.certctl.io', ...metadata },
  },
})
const brought = ['--set', 'tls.mode=existingSecret', '--set', 'tls.existingSecret.name=mine']
const external = ['--set', 'postgresql.enabled=false', '--set', 'externalDatabase.existingSecret=db']

const refusals = [
  {
    title: "a Secret that isn't there",
    objects: defaultAccount,
    args: ['--set', 'postgresql.auth.existingSecret=pg'],
    message: /postgresql\.auth\.existingSecret: there is no Secret pg in namespace certctl; make it first/,
  },
  {
    title: 'a Secret in a namespace that is yet to be made',
    objects: {
      '/api/v1/namespaces/kube-system': { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } },
    },
    args: ['--set', 'postgresql.auth.existingSecret=pg'],
    message: /postgresql\.auth\.existingSecret: there is no Secret pg in namespace certctl; make it first/,
  },
  {
    title: 'a Secret without the key',
    objects: { ...defaultAccount, ...secret('pg', 'pw') },
    args: ['--set', 'postgresql.auth.existingSecret=pg'],
    message: /postgresql\.auth\.passwordKey: the Secret pg has no key password but pw; correct the key/,
  },
  {
    title: 'a certificate without what to trust',
    objects: { ...defaultAccount, ...secret('mine', 'tls.crt', 'tls.key') },
    args: brought,
    message: /tls\.existingSecret\.caKey: the Secret mine has no key ca\.crt but tls\.crt, tls\.key/,
  },
  {
    title: 'a URL that is under another key',
    objects: { ...defaultAccount, ...secret('db', 'uri') },
    args: [...external, '--set', 'externalDatabase.urlKey=url'],
    message: /externalDatabase\.urlKey: the Secret db has no key url but uri/,
  },
  {
    title: 'a database whose password is lost',
    objects: { ...defaultAccount, ...database },
    args: [],
    message: /postgresql\.auth\.existingSecret: .*the Secret certctl-postgresql with its password is gone; restore/,
  },
  {
    title: 'a volume of an earlier release whose password is lost',
    objects: { ...defaultAccount, ...volume },
    args: [],
    message: /on the volume data-certctl-postgresql-0, and the Secret .* is gone; restore .* delete the volume's claim/,
  },
  {
    title: 'another key than the password was made under',
    objects: { ...defaultAccount, ...database, ...password },
    args: ['--set', 'postgresql.auth.passwordKey=pw'],
    message: /postgresql\.auth\.passwordKey: the Secret certctl-postgresql has no key pw but password/,
  },
  {
    title: 'a volume of another size',
    objects: { ...defaultAccount, ...database, ...password },
    args: ['--set', 'postgresql.storage.size=16Gi'],
    message:
      /postgresql\.storage\.size: the database's volume was made with 8Gi, .*delete statefulset certctl-postgresql --cascade=orphan/,
  },
  {
    title: 'a volume of another class',
    objects: { ...defaultAccount, ...database, ...password },
    args: ['--set', 'postgresql.storage.className=fast'],
    message: /postgresql\.storage\.className: the database's volume was made with the cluster's default/,
  },
  {
    title: 'a database that is left behind',
    objects: { ...defaultAccount, ...database, ...claims, ...secret('db', 'password') },
    args: [...external, '--set', 'externalDatabase.host=pg'],
    message:
      /postgresql\.enabled: .* on the volume data-certctl-postgresql-0, .*pg_dump.* label pvc data-certctl-postgresql-0 app\.kubernetes\.io\/instance-/,
  },
  {
    title: 'a name that changes the selector',
    objects: { ...defaultAccount, ...deployed },
    args: ['--set', 'nameOverride=pki,fullnameOverride=certctl'],
    message: /nameOverride: the Deployment certctl selects its pods by .*can never be changed/,
  },
  {
    title: 'another user of the database',
    objects: { ...defaultAccount, ...database, ...password },
    args: ['--set', 'postgresql.auth.username=other'],
    message: /postgresql\.auth\.username: the database was made with certctl, .*; set it again/,
  },
  {
    title: 'another name of the release, which would begin with an empty database',
    objects: { ...defaultAccount, ...claims },
    args: ['--set', 'fullnameOverride=pki'],
    message:
      /fullnameOverride: the database of this release is on the volume data-certctl-postgresql-0, and under the name pki/,
  },
  {
    title: 'a second release in a namespace',
    objects: { ...defaultAccount, ...release('other') },
    args: [],
    message:
      /--namespace: certctl has a certctl already, the Deployment other-certctl of release other, .*; choose another/,
  },
  {
    title: 'definitions of another release',
    objects: definition(ofHelm('certctl', 'pki')),
    args: [],
    message:
      /crds\.enabled: issuers\.certctl\.io belongs to the release certctl of namespace pki; set crds\.enabled=false, or/,
  },
  {
    title: 'definitions that were applied by hand',
    objects: definition({}),
    args: [],
    message:
      /crds\.enabled: issuers\.certctl\.io belongs to no release; .*release-name=certctl .*release-namespace=certctl/,
  },
]

const installable = [
  {
    title: 'a Secret that is complete',
    objects: { ...defaultAccount, ...secret('mine', 'ca.crt', 'tls.crt', 'tls.key') },
    args: brought,
  },
  { title: 'a first installation', objects: defaultAccount, args: [] },
  {
    title: 'an upgrade',
    objects: {
      ...defaultAccount,
      ...database,
      ...password,
      ...claims,
      ...release('certctl'),
      ...definition(ofHelm('certctl', 'certctl')),
    },
    args: [],
  },
  {
    title: 'an external database beside the volume of one that is gone',
    objects: { ...defaultAccount, ...claims, ...secret('db', 'password') },
    args: [...external, '--set', 'externalDatabase.host=pg'],
  },
  { title: 'an upgrade that selects the same pods', objects: { ...defaultAccount, ...deployed }, args: [] },
  {
    title: 'a size in other words',
    objects: { ...defaultAccount, ...database, ...password },
    args: ['--set', 'postgresql.storage.size=8192Mi'],
  },
  {
    title: 'a release that leaves the definitions to another',
    objects: { ...defaultAccount, ...definition(ofHelm('certctl', 'pki')) },
    args: ['--set', 'crds.enabled=false'],
  },
  { title: 'a Secret that nobody can look for', objects: {}, args: ['--set', 'postgresql.auth.existingSecret=pg'] },
]

for (const program of helms) {
  for (const { title, objects, args, message } of refusals) {
    test(`refused is ${title} (Helm ${program.major})`, async () => {
      const { code, output } = await renderIn(objects, program, args)
      assert.notEqual(code, 0, 'it was rendered')
      assert.match(output, message)
    })
  }

  for (const { title, objects, args } of installable) {
    test(`rendered is ${title} (Helm ${program.major})`, async () => {
      const { code, output } = await renderIn(objects, program, args)
      assert.equal(code, 0, output)
    })
  }
}

/** Renders while Helm may ask a cluster that has these objects. */
async function renderIn(
  objects: Readonly<Record<string, object>>,
  program: HelmProgram,
  args: readonly string[],
): Promise<{ code: number; output: string }> {
  const cluster = await startCluster(objects)
  try {
    const command = [
      'template',
      'certctl',
      chartFolder,
      '-n',
      'certctl',
      '--dry-run=server',
      '--disable-openapi-validation',
      ...args,
    ]
    const options = {
      env: { KUBECONFIG: cluster.kubeconfig, HOME: '/nonexistent', PATH: '/usr/bin:/bin' },
      maxBuffer: 2 ** 26,
    }
    return await new Promise((resolve) => {
      execFile(program.file, command, options, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : 1, output: `${stdout}${stderr}` })
      })
    })
  } finally {
    await cluster.stop()
  }
}
