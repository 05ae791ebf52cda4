import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createWhole, ensurePrivateFolder, readIfExists, writeWhole } from './files.ts'
import type { ListenerCa } from './tls-ca.ts'
import type { ListenerStore } from './tls-store.ts'

/** The file of the certificates that clients must trust. */
export function listenerCaFile(folder: string): string {
  return join(folder, 'ca.crt')
}

/** Keeps the listener's CA and leaf as PEM files in `folder`: ca.crt, ca.key, ca-next.key, tls.crt and tls.key. */
export function folderListenerStore(folder: string): ListenerStore {
  const files = {
    caCert: listenerCaFile(folder),
    caKey: join(folder, 'ca.key'),
    nextCaKey: join(folder, 'ca-next.key'),
    cert: join(folder, 'tls.crt'),
    key: join(folder, 'tls.key'),
  }

  /** Keys first: of processes that start at once all agree on one, and whoever comes next makes its certificate. */
  async function replaceKeys(read: ListenerCa, next: ListenerCa): Promise<boolean> {
    if (read.keyPem === undefined && next.keyPem !== undefined) {
      if (!(await createWhole(files.caKey, next.keyPem, 0o600))) return false
    }
    if (read.nextKeyPem === undefined && next.nextKeyPem !== undefined) {
      if (!(await createWhole(files.nextCaKey, next.nextKeyPem, 0o600))) return false
    }
    if (read.nextKeyPem !== undefined && next.keyPem === read.nextKeyPem) {
      return renameIfExists(files.nextCaKey, files.caKey)
    }
    return true
  }

  return {
    async readCa() {
      await ensurePrivateFolder(folder)
      // In this order: a successor that moves into its predecessor's place meanwhile is seen twice rather than not at all.
      const nextKeyPem = await readIfExists(files.nextCaKey)
      const keyPem = await readIfExists(files.caKey)
      const bundlePem = await readIfExists(files.caCert)
      return {
        ...(bundlePem !== undefined && { bundlePem }),
        ...(keyPem !== undefined && { keyPem }),
        ...(nextKeyPem !== undefined && { nextKeyPem }),
      }
    },
    async replaceCa(read, next) {
      if (!(await replaceKeys(read, next))) return false
      if (next.bundlePem !== undefined && next.bundlePem !== read.bundlePem) {
        await writeWhole(files.caCert, next.bundlePem, 0o644)
      }
      return true
    },
    async readLeaf() {
      const [certPem, keyPem] = await Promise.all([readIfExists(files.cert), readIfExists(files.key)])
      return certPem === undefined || keyPem === undefined ? undefined : { certPem, keyPem }
    },
    async keepLeaf({ certPem, keyPem }) {
      await writeWhole(files.key, keyPem, 0o600)
      await writeWhole(files.cert, certPem, 0o644)
    },
  }
}

async function renameIfExists(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
