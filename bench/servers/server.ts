import type { Cores } from '../harness/processes.ts'
import type { PostgresCluster } from '../harness/postgres.ts'

export type ServerName = 'certctl-postgres' | 'certctl-pglite' | 'pebble' | 'step-ca-badger' | 'step-ca-postgres'

/** What every server of a run is given. */
export interface Surroundings {
  /** An empty folder for this start of this server. */
  folder: string
  cores: Cores | undefined
  /** Name server for validations, `host:port`. */
  nameServer: string
  /** Where http-01 answers are to be fetched, and a port for tls-alpn-01 that nothing uses. */
  validationHttpPort: number
  validationTlsPort: number
  /** Every name that will be ordered is below this. */
  domainSuffix: string
  /** NAME=VALUE settings for certctl that the person at the keyboard adds. */
  settings: Record<string, string>
  /** Where certctl leaves CPU profiles, if anywhere. */
  cpuProfFolder: string | undefined
}

/** A started server in its fair set-up, reached over HTTPS on the loopback address. */
export interface RunningServer {
  readonly pid: number
  /** Directory URLs by what they ask of a client; a server without trust mode has no second one. */
  readonly directories: { 'http-01': string; trust?: string }
  readonly caFile: string
  readonly database?: { cluster: PostgresCluster; name: string }
  /** Bytes that the server keeps for its orders and certificates, where they are on disk. */
  storedBytes?(): Promise<number>
  /** SQL round trips since the start by the server's own count. */
  roundTrips?(): Promise<number | undefined>
  stop(): Promise<void>
}

export interface BenchedServer {
  readonly name: string
  /** One line for the report: version, storage and what differs from the others. */
  readonly setUp: string
  /** Makes it startable (builds a peer when needed); gives the reason when it can't be. */
  prepare(): Promise<string | undefined>
  start(surroundings: Surroundings): Promise<RunningServer>
}
