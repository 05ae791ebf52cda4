import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Another process works in the folder, in words for who started this one. */
export class FolderInUse extends Error {
  override readonly name = 'FolderInUse'
}

/**
 * Takes the embedded database's folder for this process alone: two would destroy each other's data. A lock whose
 * process is gone (a crash, a container that was made anew) is taken over. Returns the function that gives it back.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, 'db.lock')
  for (let attempt = 0; attempt < 2; attempt++) {
    if (await tryToCreate(file)) return () => rm(file, { force: true })
    const owner = Number(await readFile(file, 'utf8').catch(() => ''))
    // A container's main process always has the same id: a lock that bears our own is from a former life.
    if (owner !== process.pid && isAlive(owner)) {
      throw new FolderInUse(
        `process ${owner} works in ${folder}; stop it, choose another --data, or share a Postgres by CERTCTL_DATABASE_URL`,
      )
    }
    await rm(file, { force: true })
  }
  throw new FolderInUse(`${file} comes back as often as it is removed; is another process starting there?`)
}

async function tryToCreate(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx')
    await handle.writeFile(String(process.pid))
    await handle.close()
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
