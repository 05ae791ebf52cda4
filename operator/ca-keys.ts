import { createPrivateKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { createWhole, ensurePrivateFolder, readIfExists } from './files.ts'

/** A key file can't be used, in words for who has to put it right. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError'
}

/** The private keys of self-made CAs: one file each, never in the database, never replaced once made. */
export interface CaKeys {
  /** Where an Issuer's key is or would be, for messages. */
  file(namespace: string, issuer: string): string
  find(namespace: string, issuer: string): Promise<KeyObject | undefined>
  /** Keeps the key unless there is one already, and returns the one that is kept. */
  keep(namespace: string, issuer: string, key: KeyObject): Promise<KeyObject>
}

/** The keys in a folder: `<namespace>.<issuer>.key`, where both are DNS labels and the dot therefore is unambiguous. */
export function createCaKeys(folder: string): CaKeys {
  const file = (namespace: string, issuer: string): string => join(folder, `${namespace}.${issuer}.key`)
  const find = async (namespace: string, issuer: string): Promise<KeyObject | undefined> => {
    const pem = await readIfExists(file(namespace, issuer))
    return pem === undefined ? undefined : parseKey(pem, file(namespace, issuer))
  }
  return {
    file,
    find,
    async keep(namespace, issuer, key) {
      await ensurePrivateFolder(folder)
      const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
      if (await createWhole(file(namespace, issuer), pem, 0o600)) return key
      const kept = await find(namespace, issuer)
      if (kept === undefined) throw new KeyFileError(`${file(namespace, issuer)} was removed while it was being made`)
      return kept
    },
  }
}

function parseKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    // The cause is left out: OpenSSL's message adds nothing, and nothing of a key belongs into a log.
    throw new KeyFileError(`${file} is not a private key in PEM; restore it from a backup`)
  }
}
