import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { IssuingCa } from '../ca/index.ts'
import { settleListenerCa } from './tls-ca.ts'
import { folderListenerStore, listenerCaFile } from './tls-folder.ts'
import { isUsable, issueServingCertificate } from './tls-leaf.ts'
import type { ServingCertificate } from './tls-leaf.ts'
import type { ListenerStore } from './tls-store.ts'

/** Where the listener's certificate comes from. */
export interface ServingCertificates {
  /** What clients must trust; absent where the certificate was brought along or its CA isn't in a file. */
  readonly caFile?: string
  /**
   * What clients must trust, in PEM, as the last `current` found it: every CA that a leaf is or will soon be of.
   * Undefined where the certificate was brought along without it, and before the first `current`.
   */
  caPem(): Promise<string | undefined>
  /** The certificate to serve at `now`, renewed first where it is due. Cheap when nothing is. */
  current(now: Date): Promise<ServingCertificate>
}

/** Each attempt but the last was lost to another process that changed the CA, and there is little to change in it. */
const attempts = 10

/** A certificate that somebody else made and renews, reread every time. */
export function broughtCertificate(files: { certFile: string; keyFile: string; caFile?: string }): ServingCertificates {
  const { caFile } = files
  return {
    caPem: () => (caFile === undefined ? Promise.resolve(undefined) : readFile(caFile, 'utf8')),
    async current() {
      const [certPem, keyPem] = await Promise.all([readFile(files.certFile, 'utf8'), readFile(files.keyFile, 'utf8')])
      const certificate = new X509Certificate(certPem)
      if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) {
        throw new Error(`the key in ${files.keyFile} does not belong to the certificate in ${files.certFile}`)
      }
      return { certPem, keyPem }
    },
  }
}

/**
 * A certificate of the server's own making, signed by a small CA of its own in `folder`: `ca.crt` is what clients must
 * trust, `tls.crt` and `tls.key` are what is served. Several processes may share the folder.
 */
export function ownCertificate(folder: string, hosts: readonly string[]): ServingCertificates {
  return { ...ownCertificateIn(folderListenerStore(folder), hosts), caFile: listenerCaFile(folder) }
}

/** The same with its CA in any store, which several processes may share. Throws what the store throws. */
export function ownCertificateIn(store: ListenerStore, hosts: readonly string[]): ServingCertificates {
  let bundlePem: string | undefined

  async function settle(now: Date): Promise<IssuingCa> {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const read = await store.readCa()
      const { stored, signing } = await settleListenerCa(read, now)
      if (stored === read || (await store.replaceCa(read, stored))) {
        bundlePem = stored.bundlePem
        return signing
      }
    }
    throw new Error("other processes keep changing the listener's CA; it is tried again")
  }

  return {
    caPem: () => Promise.resolve(bundlePem),
    async current(now) {
      const ca = await settle(now)
      const wish = { ca, hosts, now }
      const kept = await store.readLeaf()
      if (kept !== undefined && isUsable(kept, wish)) return kept
      const leaf = await issueServingCertificate(wish)
      await store.keepLeaf(leaf)
      return leaf
    },
  }
}

/** The names that the listener's certificate is for: those of the external URLs, and this machine's own. */
export function servingHosts(externalUrls: readonly string[]): readonly string[] {
  const given = externalUrls.map((url) => new URL(url).hostname.replace(/^\[|\]$/g, ''))
  return [...new Set([...given, 'localhost', '127.0.0.1', '::1'])]
}
