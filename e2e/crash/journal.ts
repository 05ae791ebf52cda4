import type pg from 'pg'
import type { Label } from './labels.ts'

/**
 * Every change of every row, recorded by triggers in the order it happened. What a table shows in the end can't tell
 * whether it was something else in between; this can.
 */
const schema = [
  `create schema crash_test`,
  `create table crash_test.journal (
    seq bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    relation text not null,
    operation text not null,
    id text,
    before jsonb,
    after jsonb,
    owner_before text generated always as (coalesce(before->>'owner', before->>'locked_by')) stored,
    owner_after text generated always as (coalesce(after->>'owner', after->>'locked_by')) stored
  )`,
  `create index on crash_test.journal (id)`,
  `create index on crash_test.journal (owner_before)`,
  `create function crash_test.record() returns trigger language plpgsql as $$
  declare
    fields jsonb := coalesce(to_jsonb(new), to_jsonb(old));
  begin
    insert into crash_test.journal (relation, operation, id, before, after)
      values (tg_table_name, tg_op, coalesce(fields->>'id', fields->>'order_id'), to_jsonb(old), to_jsonb(new));
    return null;
  end $$`,
  // Nonces are spent by reading, too, and rate limits are kept in memory here.
  `do $$
  declare
    relation text;
  begin
    for relation in select tablename from pg_tables
      where schemaname = 'public' and tablename not in ('used_nonces', 'nonce_epoch', 'rate_limit_buckets')
    loop
      execute format('create trigger crash_test_record after insert or update or delete on %I
        for each row execute function crash_test.record()', relation);
    end loop;
  end $$`,
]

export interface Change {
  readonly seq: string
  readonly relation: string
  readonly operation: string
  readonly before: unknown
  readonly after: unknown
}

export class Journal {
  readonly #db: pg.Pool

  private constructor(db: pg.Pool) {
    this.#db = db
  }

  /** Begins to record; the schema must be there. */
  static async begin(db: pg.Pool): Promise<Journal> {
    for (const statement of schema) await db.query(statement)
    return new Journal(db)
  }

  async position(): Promise<string> {
    const { rows } = await this.#db.query<{ seq: string }>(
      'select coalesce(max(seq), 0)::text as seq from crash_test.journal',
    )
    return rows[0]?.seq ?? '0'
  }

  async changesSince(position: string): Promise<Change[]> {
    const { rows } = await this.#db.query<Change>(
      'select seq, relation, operation, before, after from crash_test.journal where seq > $1 order by seq',
      [position],
    )
    return rows
  }

  /** Who lost an issuance or a validation to another process, once for each time. */
  async losers(): Promise<string[]> {
    const { rows } = await this.#db.query<{ owner: string }>(
      'select owner_before as owner from crash_test.journal where owner_before <> owner_after order by seq',
    )
    return rows.map(({ owner }) => owner)
  }

  /**
   * Whether a process that died at this label has left what the label stands for: a label in the wrong place would
   * prove nothing. The process id is the second part of the owner's name.
   */
  async showsDeathAt(label: Label, pid: number): Promise<boolean> {
    const trace = traces[label]
    if (trace === undefined) return true
    const { rows } = await this.#db.query(trace, [`%/${pid}/%`])
    return rows.length > 0
  }
}

const began = (relation: string): string => `
  select from crash_test.journal begun
    where begun.relation = '${relation}' and begun.owner_after like $1
      and begun.owner_before is distinct from begun.owner_after
      and not exists (
        select from crash_test.journal ended
          where ended.id = begun.id and ended.owner_before = begun.owner_after and ended.owner_after is null
      )`

/** Recorded, or too late to be: a process slower than its lease reaches the label as well. */
const completedOrLost = (relation: string): string => `
  select from crash_test.journal
    where relation = '${relation}' and owner_before like $1 and owner_before is distinct from owner_after`

const traces: Readonly<Record<Label, string | undefined>> = {
  'finalize.parsed': undefined,
  'finalize.begun': began('issuance_intents'),
  // Nothing has left the process, but the bytes that it signed are there.
  'finalize.signed': began('issuance_intents'),
  'finalize.completed': completedOrLost('issuance_intents'),
  'validation.claimed': began('challenges'),
  'validation.probed': began('challenges'),
  'validation.completed': completedOrLost('challenges'),
}
