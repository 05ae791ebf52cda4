import type { KeyObject } from 'node:crypto'
import { CaError, parsePrivateKeyPem } from '../../ca/index.ts'

/** Reads Secrets of the cluster. */
export interface CaSecrets {
  /**
   * The values of a Secret in clear text; undefined where there is none. Rejects, in bounded time, where the API server
   * is away or refuses. May be called many times at once.
   */
  read(namespace: string, name: string): Promise<ReadonlyMap<string, string> | undefined>
}

/** What a Secret gave: a key, or why there is none. `reason` stays the same for the same cause. */
export type SecretKeyOutcome =
  | { readonly ok: true; readonly key: KeyObject }
  | { readonly ok: false; readonly reason: string; readonly err?: unknown }

/** The private key in `tls.key` of a Secret. Never rejects: a Secret that can't be read is an outcome as well. */
export async function readSecretKey(
  secrets: CaSecrets,
  { namespace, name }: { namespace: string; name: string },
): Promise<SecretKeyOutcome> {
  const title = `Secret ${namespace}/${name}`
  try {
    const values = await secrets.read(namespace, name)
    if (values === undefined) return { ok: false, reason: `there is no ${title}` }
    const pem = values.get('tls.key')
    if (pem === undefined) return { ok: false, reason: `${title} has no tls.key` }
    return { ok: true, key: parsePrivateKeyPem(pem) }
  } catch (err) {
    if (err instanceof CaError) return { ok: false, reason: `tls.key of ${title}: ${err.message}` }
    return { ok: false, reason: `${title} could not be read`, err }
  }
}
