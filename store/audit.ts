import { sql } from 'kysely'
import type { Db } from './database.ts'
import type { AuditEventRow } from './schema.ts'

export interface AuditEvent {
  /** `acme:<account id>`, `acme-cert-key:<serial>`, `controller` or `admin:<user>`. */
  actor: string
  action: string
  resourceType: string
  resourceId: string
  details?: Readonly<Record<string, unknown>>
}

/** Records an event, in the transaction of what it records. Functions of this folder record their own. */
export async function insertAudit(db: Db, event: AuditEvent): Promise<void> {
  const details = event.details === undefined ? null : JSON.stringify(event.details)
  await sql`
    insert into audit_events (actor, action, resource_type, resource_id, details)
      values (${event.actor}, ${event.action}, ${event.resourceType}, ${event.resourceId}, ${details}::jsonb)`.execute(
    db,
  )
}

/** The newest events first; `before` is the last id of the page before. */
export async function listAudit(db: Db, page: { before?: number; limit: number }): Promise<AuditEventRow[]> {
  return db
    .selectFrom('audit_events')
    .select(['id', 'at', 'actor', 'action', 'resource_type', 'resource_id', 'details'])
    .where('id', '<', page.before ?? Number.MAX_SAFE_INTEGER)
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute()
}
