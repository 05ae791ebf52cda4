import { setImmediate as turn } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { createKubernetesClient } from '../kubernetes/client.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import { createLeaderElector } from '../kubernetes/leader-elector.ts'
import type { LeaderElector, LeaderElectorOptions } from '../kubernetes/leader-elector.ts'
import type { Lease, Stored } from '../kubernetes/objects.ts'
import { leases } from '../kubernetes/resources.ts'
import { startApiServer } from './api-server.ts'
import type { TestApiServer } from './api-server.ts'
import { fakeTimers } from './fake-timers.ts'
import type { FakeTimers } from './fake-timers.ts'
import { recordingLog } from './recording-log.ts'
import type { LogLine } from './recording-log.ts'

/** One run of `lead`; times are seconds since the test began. */
export interface ObservedTerm {
  readonly began: number
  readonly signal: AbortSignal
  aborted: number | undefined
  ended: number | undefined
  /** Lets `lead` return, or throw. */
  end(error?: Error): void
}

export interface Replica {
  readonly elector: LeaderElector
  readonly terms: readonly ObservedTerm[]
  /** What `onChange` was told, and when. */
  readonly changes: readonly { readonly at: number; readonly leading: boolean }[]
  readonly log: { readonly lines: readonly LogLine[] }
  /** Its power is cut: no request leaves it any more and nothing is released. */
  crash(): void
}

export interface ElectionOptions extends Partial<LeaderElectorOptions> {
  /** How long `lead` takes to end once it was told to. */
  readonly endSeconds?: number
}

/** Replicas that want to lead, in a time that only `pass` moves. */
export interface Election {
  readonly server: TestApiServer
  readonly timers: FakeTimers
  /** A replica that has been started. */
  readonly join: (identity: string, options?: ElectionOptions) => Replica
  /** Lets time pass in small steps; the API server answers within each. `check` is called after every step. */
  readonly pass: (seconds: number, check?: () => void) => Promise<void>
  /** Requests that the API server has got but won't answer are not waited for while this is true. */
  hanging: boolean
  readonly lease: () => Stored<Lease> | undefined
  /** Somebody else writes this spec into the lease. */
  readonly writeLease: (spec: Lease['spec']) => void
  readonly seconds: () => number
}

export const leaseRef = { namespace: 'certctl', name: 'certctl-leader' }
const stepMs = 100

export async function election(t: TestContext): Promise<Election> {
  const server = await startApiServer(t)
  const timers = fakeTimers()
  const calls = { begun: 0, underWay: 0 }
  const seconds = (): number => timers.now() / 1000
  const stops: (() => Promise<void>)[] = []

  const result: Election = {
    server,
    timers,
    hanging: false,
    seconds,
    join(identity, options = {}) {
      const client = createKubernetesClient({ credentials: server.credentials(), timers })
      const power = { isOn: true }
      const replica = createReplica({ identity, options, timers, client: counted(client, calls, power) })
      stops.push(async () => {
        server.recover()
        for (const term of replica.terms) term.end()
        await replica.elector.stop()
        client.close()
      })
      replica.elector.start()
      return { ...replica, crash: () => void (power.isOn = false) }
    },
    async pass(duration, check = () => undefined) {
      const isQuiet = (): boolean => calls.underWay === 0 || (result.hanging && server.requests.length >= calls.begun)
      const settle = async (): Promise<void> => {
        await timers.until(isQuiet, 'an answer of the API server')
        // What an answer sets in motion may be another request.
        for (let turns = 0; turns < 3; turns++) await turn()
        await timers.until(isQuiet, 'an answer of the API server')
      }
      await settle()
      for (const end = timers.now() + duration * 1000; timers.now() < end;) {
        await timers.advance(Math.min(stepMs, end - timers.now()))
        await settle()
        check()
      }
    },
    lease: () => server.read(leases, leaseRef),
    writeLease(spec) {
      const { apiVersion, kind } = newLease
      server.write<Lease>(leases, { apiVersion, kind, metadata: leaseRef, ...(spec !== undefined && { spec }) })
    },
  }
  t.after(async () => {
    const stopping = Promise.all(stops.map((stop) => stop()))
    let isStopped = false
    void stopping.finally(() => (isStopped = true))
    while (!isStopped) await timers.advance(1000)
    await stopping
  })
  return result
}

const newLease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' }

/** The client as it is, with a count of the calls that are under way; without power a call never leaves and is given up in the end. */
function counted(
  client: KubernetesClient,
  calls: { begun: number; underWay: number },
  power: { readonly isOn: boolean },
): LeaderElectorOptions['client'] {
  async function during<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    if (!power.isOn) {
      return await new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('no power')))
      })
    }
    calls.begun += 1
    calls.underWay += 1
    try {
      return await call()
    } finally {
      calls.underWay -= 1
    }
  }
  return {
    get: (resource, ref, signal) => during(signal, () => client.get(resource, ref, signal)),
    create: (resource, object, signal) => during(signal, () => client.create(resource, object, signal)),
    update: (resource, object, signal) => during(signal, () => client.update(resource, object, signal)),
  }
}

function createReplica({
  identity,
  options: { endSeconds = 0, ...options },
  timers,
  client,
}: {
  identity: string
  options: ElectionOptions
  timers: FakeTimers
  client: LeaderElectorOptions['client']
}): Omit<Replica, 'crash'> {
  const log = recordingLog()
  const terms: ObservedTerm[] = []
  const changes: { at: number; leading: boolean }[] = []
  const seconds = (): number => timers.now() / 1000

  async function lead(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const term: ObservedTerm = {
      began: seconds(),
      signal,
      aborted: undefined,
      ended: undefined,
      end: (error) => (error === undefined ? resolve() : reject(error)),
    }
    terms.push(term)
    signal.addEventListener('abort', () => {
      term.aborted = seconds()
      if (endSeconds === 0) resolve()
      else timers.after(endSeconds * 1000, resolve)
    })
    try {
      await promise
    } finally {
      term.ended = seconds()
    }
  }

  const elector = createLeaderElector({
    client,
    namespace: leaseRef.namespace,
    leaseName: leaseRef.name,
    identity,
    timers,
    clock: { now: () => new Date(Date.UTC(2026, 0, 1) + timers.now()) },
    log,
    random: () => 0,
    lead,
    onChange: (leading) => void changes.push({ at: seconds(), leading }),
    ...options,
  })
  return { elector, terms, changes, log }
}
