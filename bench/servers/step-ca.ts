import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { folderBytes } from '../harness/disk.ts'
import { freePorts } from '../harness/ports.ts'
import { startPostgres, type PostgresCluster } from '../harness/postgres.ts'
import { startProcess } from '../harness/processes.ts'
import { waitForDirectory } from '../harness/readiness.ts'
import { binaryOf, buildPeer, type GoPeer } from './go-peer.ts'
import type { BenchedServer, RunningServer, Surroundings } from './server.ts'
import { makeIntermediate } from './test-ca.ts'

const peer: GoPeer = { name: 'step-ca', module: 'github.com/smallstep/certificates/cmd/step-ca', version: 'v0.30.2' }
const database = 'stepca'

export const stepCaOnBadger: BenchedServer = {
  name: 'step-ca-badger',
  setUp: `step-ca ${peer.version} on badger files, P-256 issuer; validates inside the challenge POST with 1 fetch, finalize is synchronous`,
  prepare: () => buildPeer(peer),
  async start(surroundings) {
    const files = join(surroundings.folder, 'badger')
    mkdirSync(files)
    const server = await startStepCa(surroundings, { type: 'badgerv2', dataSource: files })
    return { ...server, storedBytes: async () => folderBytes(files) }
  },
}

export const stepCaOnPostgres: BenchedServer = {
  name: 'step-ca-postgres',
  setUp: `step-ca ${peer.version} on Postgres (fsync on), otherwise as step-ca-badger`,
  prepare: () => buildPeer(peer),
  async start(surroundings) {
    const { folder, cores } = surroundings
    const cluster: PostgresCluster = await startPostgres({ folder, core: cores?.postgres })
    const url = await cluster.createDatabase(database)
    const server = await startStepCa(surroundings, {
      type: 'postgresql',
      // It adds the database's name and its own parameters to this.
      dataSource: url.slice(0, -database.length),
      database,
    })
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

async function startStepCa(surroundings: Surroundings, db: Record<string, string>): Promise<RunningServer> {
  const { folder, cores, nameServer, validationHttpPort, validationTlsPort } = surroundings
  const [port] = await freePorts(1)
  const ca = makeIntermediate(folder)
  const config = {
    root: ca.caCertificate,
    crt: ca.certificate,
    key: ca.key,
    address: `127.0.0.1:${port}`,
    dnsNames: ['localhost', '127.0.0.1'],
    db,
    authority: { provisioners: [{ type: 'ACME', name: 'acme', challenges: ['http-01'] }] },
  }
  const configFile = join(folder, 'ca.json')
  writeFileSync(configFile, JSON.stringify(config))
  const server = await startProcess({
    name: 'step-ca',
    command: binaryOf(peer),
    args: [
      configFile,
      // Moving the ports needs --insecure.
      '--insecure',
      `--resolver=${nameServer}`,
      `--acme-http-port=${validationHttpPort}`,
      `--acme-tls-port=${validationTlsPort}`,
    ],
    logFile: join(folder, 'step-ca.log'),
    core: cores?.server,
    folder,
    env: { STEPPATH: folder },
  })
  const directory = `https://127.0.0.1:${port}/acme/acme/directory`
  await waitForDirectory(server, directory, ca.caCertificate)
  return { pid: server.pid, directories: { 'http-01': directory }, caFile: ca.caCertificate, stop: () => server.stop() }
}
