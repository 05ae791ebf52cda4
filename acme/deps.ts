import type { Db } from '../store/database.ts'
import type { AccountKeys } from './account-keys.ts'
import type { Issuance } from './issuance.ts'
import type { NonceService } from './nonce.ts'
import type { AcmeConfig, AcmeMetrics, Clock, IssuerLookup, Log } from './ports.ts'
import type { Profiles } from './profiles.ts'
import type { RateLimiter } from './rate-limits/limiter.ts'
import type { ValidationWorker } from './validation/worker.ts'

/** Everything that the server and its handlers work with; made once, in the composition root. */
export interface AcmeDeps {
  readonly db: Db
  readonly config: AcmeConfig
  readonly clock: Clock
  readonly log: Log
  readonly metrics: AcmeMetrics
  readonly nonces: NonceService
  readonly accountKeys: AccountKeys
  readonly limiter: RateLimiter
  readonly profiles: Profiles
  readonly issuers: IssuerLookup
  readonly issuance: Issuance
  readonly validation: ValidationWorker
  /** Why this process must not serve now, for the log; undefined while it may. Asked on every request. */
  readonly available?: () => string | undefined
}
