import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** A folder that only this user may look into, made if it is not there. */
export async function ensurePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
}

/** The text of a file; undefined where there is none. */
export async function readIfExists(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Writes the whole file or nothing of it, and survives a power cut. */
export async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const written = await writeBeside(file, text, mode)
  await rename(written, file)
  await syncFolder(dirname(file))
}

/** Like writeWhole, but never over a file that is there: false where somebody was first. */
export async function createWhole(file: string, text: string, mode: number): Promise<boolean> {
  const written = await writeBeside(file, text, mode)
  try {
    await link(written, file)
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  } finally {
    await rm(written, { force: true })
  }
  await syncFolder(dirname(file))
  return true
}

async function writeBeside(file: string, text: string, mode: number): Promise<string> {
  const beside = join(dirname(file), `.${randomBytes(6).toString('hex')}.tmp`)
  const handle = await open(beside, 'wx', mode)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return beside
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
