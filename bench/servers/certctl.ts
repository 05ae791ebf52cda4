import { mkdirSync, existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { stringify } from 'yaml'

import { folderBytes } from '../harness/disk.ts'
import { freePorts } from '../harness/ports.ts'
import { startPostgres } from '../harness/postgres.ts'
import { startProcess } from '../harness/processes.ts'
import { waitForDirectory } from '../harness/readiness.ts'
import type { BenchedServer, RunningServer, Surroundings } from './server.ts'

const repository = resolve(import.meta.dirname, '../..')
const entryPoint = join(repository, 'operator/main.ts')
const database = 'certctl'

export type RateLimitBackend = 'memory' | 'postgres'

export const certctlOnPostgres: BenchedServer = {
  name: 'certctl-postgres',
  setUp:
    'certctl on Postgres (fsync on), rate-limit backend memory, P-256 issuer; validates in the background with 1 fetch, finalize is synchronous',
  prepare,
  async start(surroundings) {
    const cluster = await startPostgres({ folder: surroundings.folder, core: surroundings.cores?.postgres })
    const databaseUrl = await cluster.createDatabase(database)
    const server = await startCertctl(surroundings, { databaseUrl, rateLimitBackend: 'memory' })
    return {
      ...server,
      database: { cluster, name: database },
      storedBytes: () => cluster.databaseBytes(database),
      async stop() {
        await server.stop()
        await cluster.stop()
      },
    }
  },
}

export const certctlOnPglite: BenchedServer = {
  name: 'certctl-pglite',
  setUp: 'certctl on PGlite (Postgres inside the process, in files), otherwise as certctl-postgres',
  prepare,
  async start(surroundings) {
    const server = await startCertctl(surroundings, { databaseUrl: undefined, rateLimitBackend: 'memory' })
    return { ...server, storedBytes: async () => folderBytes(join(surroundings.folder, 'data/db')) }
  },
}

/**
 * One process with each rate-limit backend, both in the same cluster and up at the same time, so that they can be loaded
 * in turns under the same conditions.
 */
export async function startBothBackends(
  surroundings: Surroundings,
): Promise<{ servers: Record<RateLimitBackend, RunningServer>; stop(): Promise<void> }> {
  const cluster = await startPostgres({ folder: surroundings.folder, core: surroundings.cores?.postgres })
  const start = async (rateLimitBackend: RateLimitBackend): Promise<RunningServer> => {
    const name = `${database}_${rateLimitBackend}`
    const folder = join(surroundings.folder, rateLimitBackend)
    mkdirSync(folder)
    const databaseUrl = await cluster.createDatabase(name)
    const server = await startCertctl({ ...surroundings, folder }, { databaseUrl, rateLimitBackend })
    return { ...server, database: { cluster, name }, storedBytes: () => cluster.databaseBytes(name) }
  }
  const servers = { memory: await start('memory'), postgres: await start('postgres') }
  return {
    servers,
    async stop() {
      await servers.memory.stop()
      await servers.postgres.stop()
      await cluster.stop()
    },
  }
}

async function prepare(): Promise<string | undefined> {
  return existsSync(entryPoint) ? undefined : `there is no ${entryPoint}`
}

async function startCertctl(
  surroundings: Surroundings,
  storage: { databaseUrl: string | undefined; rateLimitBackend: RateLimitBackend },
): Promise<RunningServer> {
  const { folder, cores } = surroundings
  const [acmePort, pkiPort, metricsPort] = await freePorts(3)
  const manifests = join(folder, 'manifests')
  const data = join(folder, 'data')
  mkdirSync(manifests)
  mkdirSync(data)
  writeFileSync(join(manifests, 'bench.yaml'), manifestsYaml(surroundings))
  const externalUrl = `https://localhost:${acmePort}`
  const generous = '1000000'
  const profiling = surroundings.cpuProfFolder ? ['--cpu-prof', `--cpu-prof-dir=${surroundings.cpuProfFolder}`] : []
  // Without npm in between, so that the process measured is the server itself.
  const server = await startProcess({
    name: 'certctl',
    command: process.execPath,
    args: [...profiling, entryPoint, 'serve', '--manifests', manifests, '--data', data],
    logFile: join(folder, 'certctl.log'),
    core: cores?.server,
    folder: repository,
    env: {
      CERTCTL_LISTEN_ACME: `127.0.0.1:${acmePort}`,
      CERTCTL_LISTEN_PKI: `127.0.0.1:${pkiPort}`,
      CERTCTL_LISTEN_METRICS: `127.0.0.1:${metricsPort}`,
      CERTCTL_EXTERNAL_URLS: externalUrl,
      CERTCTL_ACME_VALIDATION_HTTP_PORT: String(surroundings.validationHttpPort),
      CERTCTL_ACME_VALIDATION_TLS_PORT: String(surroundings.validationTlsPort),
      CERTCTL_RATE_LIMIT_BACKEND: storage.rateLimitBackend,
      CERTCTL_ACME_SERVER_RATE_LIMIT_NEW_ACCOUNTS_PER_HOUR: generous,
      CERTCTL_ACME_SERVER_RATE_LIMIT_ORDERS_PER_HOUR: generous,
      CERTCTL_ACME_SERVER_RATE_LIMIT_CONCURRENT_ORDERS: generous,
      CERTCTL_ACME_SERVER_RATE_LIMIT_CHALLENGE_RESPONDS_PER_HOUR: generous,
      ...(storage.databaseUrl && { CERTCTL_DATABASE_URL: storage.databaseUrl }),
      ...surroundings.settings,
    },
  })
  const directories = {
    'http-01': `${externalUrl}/acme/profile/bench-http/directory`,
    trust: `${externalUrl}/acme/profile/bench-trust/directory`,
  }
  const caFile = join(data, 'tls/ca.crt')
  await waitForDirectory(server, directories['http-01'], caFile)
  await waitForDirectory(server, directories.trust, caFile)
  return {
    pid: server.pid,
    directories,
    caFile,
    roundTrips: () => readCounter(`http://127.0.0.1:${metricsPort}/metrics`, 'certctl_db_round_trips_total'),
    stop: () => server.stop(),
  }
}

/** The sum of a counter over its labels, or undefined where it isn't exposed. */
async function readCounter(url: string, name: string): Promise<number | undefined> {
  const text = await (await fetch(url)).text()
  const samples = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
  if (samples.length === 0) return undefined
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

function manifestsYaml({ nameServer, domainSuffix }: Surroundings): string {
  const metadata = (name: string) => ({ name, namespace: 'certctl' })
  const apiVersion = 'certctl.io/v1alpha1'
  const profile = (name: string, acme: object) => ({
    apiVersion,
    kind: 'CertificateProfile',
    metadata: metadata(name),
    spec: {
      issuerRef: { name: 'bench-ca' },
      acme,
      identifiers: { dns: { allowed: [`*.${domainSuffix}`] } },
      validity: { default: '2160h', max: '2160h' },
      keyPolicy: { allowed: [{ algorithm: 'ECDSA', curves: ['P-256'] }] },
      usages: { key: ['digitalSignature'], extended: ['serverAuth'] },
    },
  })
  const objects = [
    {
      apiVersion,
      kind: 'Issuer',
      metadata: metadata('bench-ca'),
      spec: {
        type: 'SelfSigned',
        selfSigned: {
          subject: { commonName: 'Bench CA' },
          duration: '87600h',
          privateKey: { algorithm: 'ECDSA', curve: 'P-256' },
        },
      },
    },
    profile('bench-http', {
      authMode: 'Challenge',
      challengeTypes: ['http-01'],
      registration: 'Open',
      validation: { resolvers: [nameServer], allowedNetworks: ['127.0.0.0/8'] },
    }),
    profile('bench-trust', { authMode: 'TrustAuthenticated', registration: 'Open' }),
  ]
  return objects.map((object) => stringify(object)).join('---\n')
}
