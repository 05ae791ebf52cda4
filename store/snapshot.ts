import type { Db } from './database.ts'

/**
 * The number of the last change of issuers and profiles. Whatever is read after it holds all changes up to it, and
 * perhaps later ones; so it must be read first.
 */
export async function readSnapshotVersion(db: Db): Promise<number> {
  const { version } = await db.selectFrom('snapshot_version').select('version').executeTakeFirstOrThrow()
  return version
}
