import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { AcmeServer, ServerSetting } from '../harness/acme-server.ts'
import type { ClientSuite } from '../harness/cases.ts'
import { startCertctl } from '../harness/certctl.ts'
import { serveDns } from '../harness/dns-server.ts'
import { runMatrix, seatClients } from '../harness/matrix.ts'
import { furnishNamespace, runAsRoot, runInPrivateNamespace } from '../harness/namespace.ts'
import { startPebble } from '../harness/pebble.ts'
import { startPostgres } from '../harness/postgres.ts'
import { allPassed, renderReport, type ModeReport } from '../harness/report.ts'
import { acmeClient } from './acme-client.ts'
import { acmeTiny } from './acme-tiny.ts'
import { apacheModMd } from './apache-mod-md.ts'
import { caddy } from './caddy.ts'
import { certbot } from './certbot.ts'
import { dehydrated } from './dehydrated.ts'
import { lego } from './lego.ts'
import { uacme } from './uacme.ts'

const usage = `Takes real ACME clients through registration, issuance, renewal and refusal against certctl.

node e2e/clients/run.ts [options]     (as root, or with sudo)
  --report FILE     write the tables there too, as Markdown
  --only A,B        only these clients
  --mode A,B        only these servers: pglite, postgres; or pebble, to tell a client's fault from the server's
  --pebble PROGRAM  the Pebble to run (default: pebble)
  --allow-missing   a client that is not installed is no failure
  --keep            leave the working folder behind
`

const clients: readonly ClientSuite[] = [certbot, lego, uacme, dehydrated, acmeTiny, caddy, apacheModMd, acmeClient]

/** Enough on Postgres: dehydrated never repeats a request that was refused for its nonce, lego keeps nonces for later. */
const clientsOnPostgres: readonly ClientSuite[] = [dehydrated, lego]

const zone = 'e2e.example.com'
const hostName = 'certctl.example.com'
const resolverAddress = '127.53.53.53'

const { values: options } = parseArgs({
  options: {
    report: { type: 'string' },
    only: { type: 'string' },
    mode: { type: 'string', default: 'pglite,postgres' },
    pebble: { type: 'string', default: 'pebble' },
    'allow-missing': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    inside: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) console.log(usage)
else process.exitCode = options.inside === undefined ? await runOutside() : await runInside(options.inside)

async function runOutside(): Promise<number> {
  const args = process.argv.slice(2)
  if (process.getuid?.() !== 0) return runAsRoot(import.meta.filename, args)
  const folder = await mkdtemp(join(tmpdir(), 'certctl-e2e-'))
  // Servers that drop their privileges must still reach their files.
  await chmod(folder, 0o755)
  try {
    return await runInPrivateNamespace(import.meta.filename, [...args, '--inside', folder])
  } finally {
    if (options.keep) console.log(`The working folder is ${folder}`)
    else await rm(folder, { recursive: true })
  }
}

async function runInside(folder: string): Promise<number> {
  const reports = await runModes(folder)
  const text = renderReport(reports)
  console.log(`\n${text}`)
  if (options.report !== undefined) await writeFile(resolve(options.report), text)
  return allPassed(reports, options['allow-missing']) ? 0 : 1
}

async function runModes(folder: string): Promise<ModeReport[]> {
  const trust = await furnishNamespace({
    hosts: [`127.0.0.1 ${hostName}`],
    nameserver: resolverAddress,
    folder: join(folder, 'etc'),
  })
  const reports: ModeReport[] = []
  for (const mode of options.mode.split(',')) {
    const place = { folder: join(folder, mode, 'clients'), zone, txtDir: join(folder, mode, 'txt') }
    await mkdir(place.txtDir, { recursive: true })
    // Hooks write there, and Apache's run as another user.
    await chmod(place.txtDir, 0o777)
    const contenders = seatClients(suitesOf(mode), place)
    const addresses = new Map(contenders.map(({ seat }) => [seat.domain, seat.address]))
    using _dns = await serveDns(resolverAddress, { name: zone, addresses, txtDir: place.txtDir })
    const setting = { folder: join(folder, mode, 'server'), hostName, zone, resolver: `${resolverAddress}:53` }
    await using server = await startServer(mode, setting)
    await trust.add(await readFile(server.tlsCaFile, 'utf8'))
    reports.push(await runMatrix(server, contenders))
  }
  return reports
}

function suitesOf(mode: string): ClientSuite[] {
  const names = options.only?.split(',')
  const unknown = names?.filter((name) => !clients.some((client) => client.name === name)) ?? []
  if (unknown.length > 0) throw new Error(`no such client: ${unknown.join(', ')}`)
  const candidates = mode === 'postgres' ? clientsOnPostgres : clients
  return candidates.filter((client) => names === undefined || names.includes(client.name))
}

async function startServer(mode: string, setting: ServerSetting): Promise<AcmeServer & AsyncDisposable> {
  switch (mode) {
    case 'pebble':
      return disposable(await startPebble(setting, options.pebble))
    case 'pglite':
      return disposable(await startCertctl(setting))
    case 'postgres': {
      const postgres = await startPostgres(join(setting.folder, 'postgres'))
      const server = await startCertctl(setting, postgres.url)
      return disposable(server, postgres.stop)
    }
    default:
      throw new Error(`no such mode: ${mode}; there are pglite, postgres and pebble`)
  }
}

function disposable(
  server: AcmeServer,
  also: () => Promise<void> = async () => undefined,
): AcmeServer & AsyncDisposable {
  return Object.assign(server, {
    async [Symbol.asyncDispose]() {
      await server.stop()
      await also()
    },
  })
}
