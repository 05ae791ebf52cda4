import assert from 'node:assert/strict'
import { chown, mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { callHttp } from '../../harness/http-client.ts'
import { startPostgres } from '../../harness/postgres.ts'
import type { ImageCase } from '../cases.ts'
import { checkout } from '../certctl-image.ts'
import { type ComposeService, readComposeFile, VariableMissing } from '../compose-file.ts'
import type { Volume } from '../container.ts'
import { inspectImage } from '../image-config.ts'

const composeFile = join(checkout, 'docker-compose.yml')
// In a URL it would have to be escaped.
const variables = { POSTGRES_PASSWORD: 'p@ss:w/rd?#%' }

async function certctlService(): Promise<ComposeService> {
  const service = (await readComposeFile(composeFile, variables)).services['certctl']
  assert.ok(service)
  return service
}

/** Folders of the checkout, and one of the case's own in place of each named volume. */
async function volumesOf({ volumes }: ComposeService, folder: string): Promise<Volume[]> {
  return Promise.all(
    volumes.map(async (line) => {
      const [source = '', target = '', mode = 'rw'] = line.split(':')
      if (source.startsWith('.')) return { source: resolve(checkout, source), target, readOnly: mode === 'ro' }
      const own = join(folder, source)
      await mkdir(own, { mode: 0o700 })
      // A new volume takes the rights of the image's folder.
      await chown(own, 65532, 65532)
      return { source: own, target, readOnly: mode === 'ro' }
    }),
  )
}

/** docker-compose.yml, run as far as that goes without Docker. */
export const composeCases: readonly ImageCase[] = [
  {
    name: 'docker-compose.yml asks for a password',
    async run() {
      await assert.rejects(readComposeFile(composeFile, {}), VariableMissing)
    },
  },
  {
    name: 'docker-compose.yml fits the image: ports, health check, version, data folder',
    async run({ buildah, image }) {
      const service = await certctlService()
      const { config } = await inspectImage(buildah, image.name)
      const inside = (service.ports ?? []).map((line) => `${line.split(':').at(-1)}/tcp`)
      assert.deepEqual(inside.toSorted(), Object.keys(config.ExposedPorts).toSorted())
      assert.deepEqual(service.healthcheck.test, config.Healthcheck?.Test)
      assert.equal(service.image.split(':').at(-1), config.Labels['org.opencontainers.image.version'])
      assert.ok(service.volumes.some((line) => line.endsWith(':/var/lib/certctl')))
      assert.equal(service.read_only, true)
    },
  },
  {
    name: 'the server of docker-compose.yml becomes ready on a real Postgres and is healthy',
    async run({ container, folder }) {
      const service = await certctlService()
      const { CERTCTL_DATABASE_URL: given = '', ...settings } = service.environment
      assert.equal(given, 'postgres://certctl@postgres:5432/certctl')
      assert.equal(settings['PGPASSWORD'], variables.POSTGRES_PASSWORD)
      const postgres = await startPostgres(join(folder, 'postgres'))
      try {
        const isolated = await container({
          volumes: await volumesOf(service, folder),
          env: { ...settings, CERTCTL_DATABASE_URL: postgres.url },
        })
        await using server = await isolated.start(service.command)
        const caFile = join(folder, 'data', 'tls', 'ca.crt')
        const get = async (path: string) =>
          callHttp(`https://localhost:8443${path}`, { ca: await readFile(caFile, 'utf8') })
        await server.until('it was ready', async () =>
          get('/ready').then(
            ({ status }) => status === 200,
            () => false,
          ),
        )
        assert.deepEqual(await isolated.checkHealth(), { healthy: true, output: '' })
        const directory = await get('/acme/profile/trusted/directory')
        assert.match(directory.body, /"newOrder":"https:\/\/localhost:8443\/acme\/profile\/trusted\/new-order"/)
        assert.doesNotMatch(server.lines.join('\n'), /is not a setting/)
        server.signal('SIGTERM')
        assert.equal(await server.ended(), 0)
      } finally {
        await postgres.stop()
      }
    },
  },
]
