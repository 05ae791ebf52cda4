import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { decodeBase64url } from './jose/base64url.ts'
import type { Clock } from './ports.ts'

/** A nonce that this server or one of its replicas minted. Whether it is still unspent and young, the database knows. */
export interface OpenedNonce {
  /** Unique among the nonces of one epoch; what is stored once it is spent. */
  readonly nonce: Buffer
  /** By the database's clock, as far as the minting replica knew it. */
  readonly issuedAt: Date
  readonly epoch: Buffer
}

/**
 * Nonces of RFC 8555 section 6.5, minted without a write. Every replica shares the key, so each honours the others'
 * nonces; each nonce carries its epoch, so a replica whose own epoch is stale still reads it.
 */
export interface NonceService {
  /** A fresh nonce. Needs no database, since every answer carries one, also the answer that the database is away. */
  mint(): string
  /** What a nonce says, or undefined for anything that was not minted with our key. */
  open(nonce: string): OpenedNonce | undefined
  /** Tell it every `now` that the database returns: nonces are dated by that clock, however skewed our own is. */
  observeDatabaseTime(now: Date): void
  /** To be called when the database does not know an epoch (it lost its unlogged tables). Calls at once share one read. */
  refreshEpoch(): Promise<void>
}

export interface NonceServiceOptions {
  readonly key: Uint8Array
  readonly epoch: Uint8Array
  readonly clock: Clock
  readonly readEpoch: () => Promise<Uint8Array>
}

/** Octets: milliseconds since 1970, randomness, the epoch, and HMAC-SHA256 over all three, truncated to 128 bits. */
const timeSize = 6
const randomSize = 10
const macSize = 16
const idSize = timeSize + randomSize

export function createNonceService({ key, epoch, clock, readEpoch }: NonceServiceOptions): NonceService {
  let currentEpoch = Buffer.from(epoch)
  let databaseAheadMs = 0
  let refreshing: Promise<void> | undefined

  function mac(content: Buffer): Buffer {
    return createHmac('sha256', key).update(content).digest().subarray(0, macSize)
  }

  async function refresh(): Promise<void> {
    try {
      currentEpoch = Buffer.from(await readEpoch())
    } finally {
      refreshing = undefined
    }
  }

  return {
    mint() {
      const time = Buffer.alloc(timeSize)
      time.writeUIntBE(clock.now().getTime() + databaseAheadMs, 0, timeSize)
      const content = Buffer.concat([time, randomBytes(randomSize), currentEpoch])
      return Buffer.concat([content, mac(content)]).toString('base64url')
    },

    open(nonce) {
      const bytes = decodeBase64url(nonce)
      if (bytes?.length !== idSize + currentEpoch.length + macSize) return undefined
      const content = bytes.subarray(0, -macSize)
      if (!timingSafeEqual(mac(content), bytes.subarray(-macSize))) return undefined
      return {
        nonce: content.subarray(0, idSize),
        issuedAt: new Date(content.readUIntBE(0, timeSize)),
        epoch: content.subarray(idSize),
      }
    },

    observeDatabaseTime(now) {
      databaseAheadMs = now.getTime() - clock.now().getTime()
    },

    refreshEpoch() {
      refreshing ??= refresh()
      return refreshing
    },
  }
}
