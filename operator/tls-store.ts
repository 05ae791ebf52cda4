import type { ListenerCa } from './tls-ca.ts'
import type { ServingCertificate } from './tls-leaf.ts'

/** Where the listener's own CA and its leaf are kept. Many processes may share one. */
export interface ListenerStore {
  readCa(): Promise<ListenerCa>
  /**
   * Puts `next` in the place of what `readCa` returned. False where another process has changed it since: read and
   * decide again.
   */
  replaceCa(read: ListenerCa, next: ListenerCa): Promise<boolean>
  readLeaf(): Promise<ServingCertificate | undefined>
  keepLeaf(leaf: ServingCertificate): Promise<void>
}
