import assert from 'node:assert/strict'
import { stringify } from 'yaml'
import { namespaces, secrets } from '../../cluster/kinds.ts'
import type { InstallCase } from '../cases.ts'
import type { Ground } from '../ground.ts'
import { issueOne } from '../issue-one.ts'
import { imageValues, Release } from '../release.ts'
import { putCertificate } from '../tls-secret.ts'

const namespace = 'outside'

export const externalDatabaseCases: readonly InstallCase[] = [
  {
    name: 'a Postgres of our own is reached over verified TLS, and a Job that can not migrate it stops an upgrade',
    seconds: 240,
    async run({ ground, release: first }) {
      await first()
      const release = new Release(ground, { name: 'outside', namespace, helm: 4 })
      await release.createNamespace()
      const externalDatabase = await startPostgres(ground)
      const { image } = imageValues(ground.images.certctl, ground.images.postgres)
      const values = {
        image,
        crds: { enabled: false },
        postgresql: { enabled: false },
        externalDatabase,
        sampleProfiles: { enabled: true },
        server: { replicas: 1 },
      }
      await release.install(values)
      const issuer = { name: 'sample-ca', namespace }
      const trusted = await release.trustedCa()
      await issueOne(release, trusted, issuer)

      const before = await release.settled(1)
      const said = await release.upgradeInVain({
        ...values,
        externalDatabase: { ...externalDatabase, database: 'absent' },
      })
      assert.match(said, /pre-upgrade hooks failed/)
      const job = ['-n', namespace, 'logs', 'job/outside-certctl-migrate', '--all-pods=true', '--tail=1']
      assert.match(await ground.kubectl.run(job), /database "absent" does not exist/)
      const names = (await release.settled(1)).map(({ metadata }) => metadata.name)
      assert.deepEqual(
        names,
        before.map(({ metadata }) => metadata.name),
      )
      await issueOne(release, trusted, issuer)

      await release.uninstall()
      await ground.api.delete(namespaces, namespace)
    },
  },
]

/** Starts a Postgres with a certificate, and returns the values that lead to it. */
async function startPostgres(ground: Ground): Promise<object> {
  const name = 'postgres'
  const host = `${name}.${namespace}.svc`
  await putCertificate(ground, { name: 'postgres-tls', namespace, hosts: [host] })
  await ground.api.apply(secrets, { metadata: { name, namespace }, stringData: { password: 'p@ss:w/rd?' } })
  const labels = { app: name }
  const metadata = { name, namespace, labels }
  const nothing = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
  const tls = ['ssl=on', 'ssl_cert_file=/tls/tls.crt', 'ssl_key_file=/tls/tls.key']
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 999, fsGroup: 999, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name,
          image: ground.images.postgres,
          imagePullPolicy: 'Never',
          args: tls.flatMap((setting) => ['-c', setting]),
          env: [
            { name: 'POSTGRES_USER', value: 'certctl' },
            { name: 'POSTGRES_PASSWORD', valueFrom: { secretKeyRef: { name, key: 'password' } } },
            { name: 'PGDATA', value: '/data/pgdata' },
          ],
          readinessProbe: {
            exec: { command: ['pg_isready', '-h', '127.0.0.1', '-U', 'certctl'] },
            periodSeconds: 1,
            timeoutSeconds: 5,
          },
          securityContext: nothing,
          volumeMounts: [
            { name: 'data', mountPath: '/data' },
            { name: 'tls', mountPath: '/tls', readOnly: true },
          ],
        },
      ],
      volumes: [
        { name: 'data', emptyDir: {} },
        // Postgres takes no key that others may read.
        { name: 'tls', secret: { secretName: 'postgres-tls', defaultMode: 0o440 } },
      ],
    },
  }
  const service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port: 5432 }] } }
  await ground.kubectl.run(['apply', '-f', '-'], [pod, service].map((object) => stringify(object)).join('---\n'))
  await ground.kubectl.run(['-n', namespace, 'wait', '--for=condition=Ready', `pod/${name}`, '--timeout=55s'])
  return { host, existingSecret: name, caSecret: { name: 'postgres-tls' }, migrationJob: true }
}
