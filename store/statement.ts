import { CompiledQuery, type RawBuilder, sql } from 'kysely'
import type { Db } from './database.ts'

/** Stands in a statement's text for a value that each run brings. */
class Placeholder<Name> {
  readonly name: Name

  constructor(name: Name) {
    this.name = name
  }
}

/** Names one of the values of a run. */
export type ValueOf<Values> = (name: keyof Values) => RawBuilder<unknown>

/**
 * A statement whose text never changes. It is compiled when it is first run, since composing it anew costs as much as
 * sending it; whatever the text holds besides placeholders stays as it was then.
 */
export function statement<Values extends object, Row>(
  compose: (value: ValueOf<Values>) => RawBuilder<Row>,
): (db: Db, values: Values) => Promise<Row[]> {
  let compiled: CompiledQuery | undefined
  return async (db, values) => {
    compiled ??= compose((name) => sql.val(new Placeholder(name))).compile(db)
    const parameters = compiled.parameters.map((each) =>
      each instanceof Placeholder ? values[each.name as keyof Values] : each,
    )
    const { rows } = await db.executeQuery<Row>(CompiledQuery.raw(compiled.sql, parameters))
    return rows
  }
}
