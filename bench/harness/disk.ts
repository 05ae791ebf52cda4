import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes on disk of all files below a folder (allocated blocks: badger's sparse files count what they hold). */
export function folderBytes(folder: string): number {
  let total = 0
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const stat = lstatSync(join(folder, entry), { throwIfNoEntry: false })
    if (stat?.isFile()) total += stat.blocks * 512
  }
  return total
}
