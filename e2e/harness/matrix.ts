import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AcmeServer } from './acme-server.ts'
import { caseNames, firstCaseAfterRestart, type CaseName, type ClientSuite } from './cases.ts'
import { useNonceAcrossRestart } from './held-nonce.ts'
import { runCommand, systemPath } from './processes.ts'
import type { CaseOutcome, ClientRow, ModeReport, ServerCheck } from './report.ts'
import { Session, type Seat } from './session.ts'

const caseSeconds = 60

/** A client with its place in the namespace. */
export interface Contender {
  readonly suite: ClientSuite
  readonly seat: Seat
}

/**
 * Takes every client through its cases, the clients side by side and each one's cases in order. A server that can be
 * restarted is restarted once on the way, so that what comes after shows that accounts and certificates survived.
 */
export async function runMatrix(server: AcmeServer, contenders: readonly Contender[]): Promise<ModeReport> {
  const runs = await Promise.all(contenders.map(prepare))
  const restartAt = caseNames.indexOf(firstCaseAfterRestart)
  const runCases = (names: readonly CaseName[]) => Promise.all(runs.map((run) => runInOrder(server, run, names)))
  const checks: ServerCheck[] = []
  await runCases(caseNames.slice(0, restartAt))
  if (server.restart !== undefined) {
    checks.push(await noBadNonces(server, 'before the restart'))
    checks.push(await useNonceAcrossRestart(server, server.restart))
  }
  await runCases(caseNames.slice(restartAt))
  if (server.badNonces !== undefined) checks.push(await noBadNonces(server, 'after the restart'))
  return { title: server.title, rows: runs.map(({ row }) => row), checks }
}

interface Run extends Contender {
  readonly outcomes: Map<CaseName, CaseOutcome>
  readonly row: ClientRow
}

async function prepare(contender: Contender): Promise<Run> {
  await mkdir(contender.seat.folder, { recursive: true })
  const outcomes = new Map<CaseName, CaseOutcome>()
  const missing = await missingPrograms(contender.suite)
  if (missing.length > 0) console.log(`MISSING ${contender.suite.name}: ${missing.join(', ')} not found`)
  return {
    ...contender,
    outcomes,
    row: { client: contender.suite.name, outcomes: missing.length > 0 ? 'missing' : outcomes },
  }
}

async function missingPrograms(suite: ClientSuite): Promise<string[]> {
  const found = await Promise.all(
    suite.programs.map(async (program) => {
      const args = ['-c', 'command -v "$1"', 'sh', program]
      const result = await runCommand({ program: 'sh', args, env: { PATH: systemPath } }, AbortSignal.timeout(10_000))
      return result.code === 0
    }),
  )
  return suite.programs.filter((_, index) => found[index] !== true)
}

async function runInOrder(server: AcmeServer, run: Run, names: readonly CaseName[]): Promise<void> {
  if (run.row.outcomes === 'missing') return
  for (const name of names) run.outcomes.set(name, await runCase(server, run, name))
}

async function runCase(server: AcmeServer, { suite, seat }: Run, name: CaseName): Promise<CaseOutcome> {
  const testCase = suite.cases[name]
  if (testCase === undefined || server.directories[testCase.directory] === undefined) return 'skipped'
  const timeout = AbortSignal.timeout(caseSeconds * 1000)
  const session = new Session(seat, server, timeout)
  const logStart = server.log.length
  const begun = performance.now()
  try {
    await Promise.race([testCase.run(session), overdue()])
    console.log(`ok   ${suite.name} ${name} (${seconds(begun)})`)
    return 'pass'
  } catch (error) {
    const late = timeout.aborted ? `it took longer than ${caseSeconds} s; ` : ''
    console.log(
      [
        `FAIL ${suite.name} ${name} (${seconds(begun)}): ${late}${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        indent(session.report()),
        `  the server's log meanwhile:`,
        indent(server.log.slice(logStart).slice(-60).join('\n')),
      ].join('\n'),
    )
    return 'fail'
  }
}

// Commands are killed when the time is over; this is for what runs in our own process.
async function overdue(): Promise<never> {
  await sleep((caseSeconds + 10) * 1000, undefined, { ref: false })
  throw new Error('it did not stop when its time was over')
}

async function noBadNonces(server: AcmeServer, when: string): Promise<ServerCheck> {
  const count = await server.badNonces?.()
  return { what: `no client was answered badNonce ${when}`, passed: count === 0, detail: `${count} times` }
}

function seconds(begun: number): string {
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`
}

function indent(text: string): string {
  return text.replace(/^/gm, '  | ')
}

/** Seats the clients on loopback addresses of their own, below folders of their own. */
export function seatClients(
  suites: readonly ClientSuite[],
  place: { folder: string; zone: string; txtDir: string },
): Contender[] {
  return suites.map((suite, index) => ({
    suite,
    seat: {
      client: suite.name,
      address: `127.0.1.${10 + index}`,
      domain: `${suite.name}.${place.zone}`,
      folder: join(place.folder, suite.name),
      txtDir: place.txtDir,
      issued: new Map(),
    },
  }))
}
