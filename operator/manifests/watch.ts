import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { folderFingerprint } from './folder.ts'

export interface ManifestWatch {
  close(): void
}

/** Editors write a file in several steps; reading in between would report mistakes that nobody made. */
const settleMs = 100

/**
 * Calls `onChange` after the folder has changed since this promise was resolved, and come to rest. The file system's own events make it quick; looking
 * every few seconds makes it certain, since network file systems and volume mounts report nothing.
 */
export async function watchManifests(options: {
  folder: string
  intervalSeconds: number
  onChange: () => void
}): Promise<ManifestWatch> {
  const { folder, intervalSeconds, onChange } = options
  let seen: string | undefined
  let settling: NodeJS.Timeout | undefined
  let watcher: FSWatcher | undefined

  const look = async (): Promise<void> => {
    watcher ??= watchFolder()
    const now = await folderFingerprint(folder).catch(() => 'unreadable')
    if (seen !== undefined && seen !== now) onChange()
    seen = now
  }
  const lookSoon = (): void => {
    clearTimeout(settling)
    settling = setTimeout(() => void look(), settleMs).unref()
  }
  const watchFolder = (): FSWatcher | undefined => {
    try {
      const started = watch(folder, { persistent: false }, lookSoon)
      started.on('error', () => {
        started.close()
        watcher = undefined
      })
      return started
    } catch {
      // The folder is away or the system has no watches left; the interval still looks.
      return undefined
    }
  }

  await look()
  const interval = setInterval(() => void look(), intervalSeconds * 1000).unref()
  return {
    close() {
      clearInterval(interval)
      clearTimeout(settling)
      watcher?.close()
    },
  }
}
