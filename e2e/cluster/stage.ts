import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { startPostgres } from '../../store/testing/postgres.ts'
import { serveDns } from '../harness/dns-server.ts'
import { furnishNamespace, mountTemporary } from '../harness/namespace.ts'
import { addresses, openNetwork } from './addresses.ts'
import type { Programs } from './build/programs.ts'
import { Cluster } from './cluster.ts'
import type { Ground } from './installation.ts'
import { serveSolvers } from './solver-ingress.ts'

/** The zone of the names that certificates are for. */
export const zone = 'e2e.example.com'

/** The key of dynamic updates, as cert-manager's rfc2136 solver is told it. */
export const updateKey = { name: 'e2e-key', secret: Buffer.from('a secret that only tests know...') }

/**
 * The clusters there are. `main` has cert-manager and an operator of all namespaces, `small` has operators of one
 * namespace each, and in `shaky` the API server goes away.
 */
const clusterNames = ['main', 'small', 'shaky'] as const

export type ClusterName = (typeof clusterNames)[number]

/** What runs in the private network once for all: name server, Postgres, and the clusters that are asked for. */
export class Stage {
  readonly folder: string
  readonly programs: Programs
  /** What every installation of the operator needs of the stage. */
  readonly forInstallations: Pick<Ground, 'createDatabase' | 'addHost' | 'nextIndex'>
  readonly #clusters = new Map<ClusterName, Promise<Cluster>>()

  private constructor(folder: string, programs: Programs, forInstallations: Stage['forInstallations']) {
    this.folder = folder
    this.programs = programs
    this.forInstallations = forInstallations
  }

  /** Furnishes the namespace. Everything ends with this process, the first of a namespace of its own. */
  static async open(programs: Programs, folder: string): Promise<Stage> {
    const txtDir = join(folder, 'txt')
    await mkdir(txtDir)
    await furnishNamespace({ hosts: [], nameserver: addresses.nameServer, folder: join(folder, 'etc') })
    await mountTemporary('/run')
    await openNetwork()
    const hosts = new Map<string, string>([[zone, addresses.ingress]])
    await serveDns(addresses.nameServer, { name: zone, addresses: hosts, txtDir, updateKey })
    let installations = 0
    return new Stage(folder, programs, {
      createDatabase: await startDatabases(),
      addHost: (name, address) => void hosts.set(name, address),
      nextIndex: () => installations++,
    })
  }

  /** The cluster of that name, started when it is first asked for. */
  cluster(name: ClusterName): Promise<Cluster> {
    const running = this.#clusters.get(name) ?? this.#start(name)
    this.#clusters.set(name, running)
    return running
  }

  /** The clusters that were asked for. */
  async started(): Promise<Cluster[]> {
    return Promise.all(this.#clusters.values())
  }

  async #start(name: ClusterName): Promise<Cluster> {
    const isMain = name === 'main'
    const cluster = await Cluster.start(this, { name, index: clusterNames.indexOf(name), hasCertManager: isMain })
    if (isMain) await serveSolvers(addresses.ingress, cluster.api)
    return cluster
  }
}

/** A function that makes empty databases on a Postgres of ours. */
async function startDatabases(): Promise<(name: string) => Promise<string>> {
  const server = await startPostgres()
  return async (name) => {
    const client = new pg.Client(server.url('postgres'))
    await client.connect()
    try {
      await client.query(`create database ${pg.escapeIdentifier(name)}`)
    } finally {
      await client.end()
    }
    return server.url(name)
  }
}
