import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterCase } from './cases.ts'
import { describeFailure } from './failure.ts'
import type { ClusterName, Stage } from './stage.ts'

/**
 * Cases at a time in each cluster: most of them wait for others more than they compute, and where the API server goes
 * away there can be only one.
 */
const sideBySide = { main: 3, small: 2, shaky: 1 } as const satisfies Record<ClusterName, number>

const usualSeconds = 60

export interface Tally {
  readonly passed: number
  readonly failed: number
}

/** Runs the cases, those that want to be alone at the end and one after the other, and says how each went. */
export async function runCases(stage: Stage, cases: readonly ClusterCase[]): Promise<Tally> {
  const outcomes: boolean[] = []
  const worker = async (waiting: ClusterCase[]): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      outcomes.push(await runCase(stage, next))
    }
  }
  const workers = (['main', 'small', 'shaky'] as const).flatMap((name) => {
    const waiting = cases.filter(({ alone, on = 'main' }) => alone !== true && on === name)
    return Array.from({ length: sideBySide[name] }, () => worker(waiting))
  })
  await Promise.all(workers)
  await worker(cases.filter(({ alone }) => alone === true))
  const passed = outcomes.filter(Boolean).length
  return { passed, failed: outcomes.length - passed }
}

async function runCase(stage: Stage, one: ClusterCase): Promise<boolean> {
  const limit = one.seconds ?? usualSeconds
  const cluster = await stage.cluster(one.on ?? 'main')
  const timeout = AbortSignal.timeout(limit * 1000)
  const namespace = namespaceOf(one)
  const notes: string[] = []
  const begun = performance.now()
  const seconds = (): string => `${((performance.now() - begun) / 1000).toFixed(1)} s`
  try {
    await cluster.createNamespace(namespace)
    const context = { cluster, stage, namespace, signal: timeout, note: (text: string) => void notes.push(text) }
    await Promise.race([one.run(context), overdue(limit)])
    console.log(`ok   ${one.name} (${[seconds(), ...notes].join('; ')})`)
    return true
  } catch (error) {
    const late = timeout.aborted ? `it took longer than ${limit} s; ` : ''
    console.log(
      `FAIL ${one.name} (${[seconds(), ...notes].join('; ')}): ${late}${await describeFailure(cluster, namespace, error)}`,
    )
    return false
  }
}

// Waits end with the case's signal; this is for what knows no signal.
async function overdue(limit: number): Promise<never> {
  await sleep((limit + 10) * 1000, undefined, { ref: false })
  throw new Error('it did not stop when its time was over')
}

/** A namespace's name: at most 63 letters, digits and hyphens. */
function namespaceOf({ name }: ClusterCase): string {
  const words = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return `case-${words}`.slice(0, 50).replaceAll(/^-+|-+$/g, '')
}
