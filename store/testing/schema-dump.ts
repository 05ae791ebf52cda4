import { sql } from 'kysely'
import type { Db } from '../database.ts'

/**
 * The schema as SQL text, from the catalogs and in one order, the same from every version of Postgres: a checked-in
 * copy shows in review what a migration does.
 */
export async function dumpSchema(db: Db): Promise<string> {
  const { rows: tables } = await sql<{ text: string }>`
    select format(e'create %stable %s (\n%s\n)%s;', case relpersistence when 'u' then 'unlogged ' else '' end, relname,
        (select string_agg('  ' || line, e',\n' order by kind, place, line) from (
          select 1 as kind, attnum::integer as place, format('%s %s%s%s%s', attname, format_type(atttypid, atttypmod),
              case when attnotnull then ' not null' else '' end,
              case when attidentity <> '' then ' generated always as identity' else '' end,
              coalesce(' default ' || pg_get_expr(adbin, adrelid), '')) as line
            from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
            where attrelid = c.oid and attnum > 0 and not attisdropped
          union all
          -- Postgres 18 also lists not null among the constraints; triggers have statements of their own.
          select 2, 0, format('constraint %s %s', conname, pg_get_constraintdef(oid)) from pg_constraint
            where conrelid = c.oid and contype not in ('n', 't')
        ) lines),
        coalesce(' with (' || array_to_string(reloptions, ', ') || ')', '')) as text
      from pg_class c
      where relnamespace = current_schema()::regnamespace and relkind = 'r'
      order by relname`.execute(db)
  const { rows: indexes } = await sql<{ text: string }>`
    select replace(pg_get_indexdef(indexrelid), ' ON ' || current_schema() || '.', ' ON ') || ';' as text
      from pg_index join pg_class c on c.oid = indexrelid
      where relnamespace = current_schema()::regnamespace
        and not exists (select from pg_constraint where conindid = indexrelid and contype <> 'f')
      order by relname`.execute(db)
  const { rows: functions } = await sql<{ text: string }>`
    select replace(pg_get_functiondef(oid), ' FUNCTION ' || current_schema() || '.', ' FUNCTION ') || ';' as text
      from pg_proc where pronamespace = current_schema()::regnamespace
      order by proname`.execute(db)
  const { rows: triggers } = await sql<{ text: string }>`
    select replace(pg_get_triggerdef(t.oid, true), ' ON ' || current_schema() || '.', ' ON ') || ';' as text
      from pg_trigger t join pg_class c on c.oid = tgrelid
      where relnamespace = current_schema()::regnamespace and not tgisinternal
      order by tgname`.execute(db)
  return [...tables, ...indexes, ...functions, ...triggers].map(({ text }) => `${text.trim()}\n`).join('\n')
}
