import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Log } from '../../acme/ports.ts'
import { apiVersion } from '../api/fields.ts'
import type { Clock } from '../clock.ts'
import { writeWhole } from '../files.ts'
import { dated, failed } from './conditions.ts'
import type { Condition, DatedCondition } from './conditions.ts'

/** What became of one object. */
export interface ObjectStatus {
  readonly kind: 'Issuer' | 'CertificateProfile'
  readonly namespace: string
  readonly name: string
  readonly conditions: readonly Condition[]
  /** The kind's own part of the status, plain data. */
  readonly details: Readonly<Record<string, unknown>>
}

/** Shows how each object fares: a line in the log when a condition changes, and a file as the API would show it. */
export interface Statuses {
  /** The statuses of all objects there are; those of others are taken away. */
  publish(statuses: readonly ObjectStatus[]): Promise<void>
  /** What was published is still served, but can't be brought into the database at the moment. */
  databaseAway(): Promise<void>
}

export function createStatuses(options: { folder: string; clock: Clock; log: Log }): Statuses {
  const { folder, clock, log } = options
  const shown = new Map<string, { conditions: readonly DatedCondition[]; text: string }>()

  async function publishOne(status: ObjectStatus): Promise<string> {
    const file = `${status.kind}.${status.namespace}.${status.name}.yaml`
    const before = shown.get(file)
    const conditions = status.conditions.map((condition) => dated(condition, before?.conditions, clock.now()))
    for (const condition of conditions) {
      if (isNews(condition, before?.conditions)) tell(status, condition)
    }
    const text = stringify({
      apiVersion,
      kind: status.kind,
      metadata: { name: status.name, namespace: status.namespace },
      status: { ...status.details, conditions },
    })
    shown.set(file, { conditions, text })
    if (before?.text !== text) await writeWhole(join(folder, file), text, 0o644)
    return file
  }

  function tell({ kind, namespace, name }: ObjectStatus, { type, status, reason, message }: DatedCondition): void {
    const fields = { object: `${kind} ${namespace}/${name}`, reason, status }
    if (status === 'False' || type === 'Warning') log.warn(fields, `${type}: ${message}`)
    else if (type === 'Ready') log.info(fields, `${type}: ${message}`)
  }

  let published: readonly ObjectStatus[] = []
  async function publish(statuses: readonly ObjectStatus[]): Promise<void> {
    published = statuses
    await mkdir(folder, { recursive: true })
    const files = new Set<string>()
    for (const status of statuses) files.add(await publishOne(status))
    const stale = (await readdir(folder)).filter((name) => name.endsWith('.yaml') && !files.has(name))
    for (const name of stale) {
      shown.delete(name)
      await rm(join(folder, name), { force: true })
    }
  }

  return { publish, databaseAway: () => publish(published.map(withoutDatabase)) }
}

const away = failed('Synced', 'DatabaseUnavailable', 'the database does not answer; this is tried again until it does')

function withoutDatabase(status: ObjectStatus): ObjectStatus {
  return { ...status, conditions: status.conditions.map((one) => (one.type === 'Synced' ? away : one)) }
}

function isNews(condition: Condition, before: readonly Condition[] | undefined): boolean {
  const former = before?.find(({ type }) => type === condition.type)
  return (
    former?.status !== condition.status || former.reason !== condition.reason || former.message !== condition.message
  )
}
