import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { RequestListener } from 'node:http'
import { createAccountKeys } from '../acme/account-keys.ts'
import { createIssuance } from '../acme/issuance.ts'
import type { Issuance } from '../acme/issuance.ts'
import { createNonceService } from '../acme/nonce.ts'
import type { AcmeConfig, IssuerLookup, Log } from '../acme/ports.ts'
import type { RateLimits } from '../acme/policy.ts'
import type { Profiles } from '../acme/profiles.ts'
import { countFailedValidation } from '../acme/rate-limits/failed-validations.ts'
import { defaultRateLimits } from '../acme/rate-limits/limits.ts'
import type { RateLimiter } from '../acme/rate-limits/limiter.ts'
import { createMemoryRateLimiter } from '../acme/rate-limits/memory.ts'
import { createPostgresRateLimiter } from '../acme/rate-limits/postgres.ts'
import { createAcmeServer } from '../acme/server.ts'
import { createValidator, defaultValidationTimeouts } from '../acme/validation/validator.ts'
import { createValidationWorker, defaultRetryDelaysSeconds, sleep } from '../acme/validation/worker.ts'
import type { ValidationCaps } from '../acme/validation/caps.ts'
import type { ValidationWorker } from '../acme/validation/worker.ts'
import type { Db } from '../store/database.ts'
import { ensureEpoch } from '../store/nonce-epoch.ts'
import { ensureServerKey } from '../store/server-keys.ts'
import { createCheckpoint } from './checkpoint.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Metrics } from './metrics.ts'

export interface AcmePartsDeps {
  readonly db: Db
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly profiles: Profiles
  readonly issuers: IssuerLookup
  /** What the validation of no profile may exceed. */
  readonly caps: ValidationCaps
  /** Why this process must not serve now; undefined while it may. */
  readonly available?: () => string | undefined
}

/** The ACME server and what works behind it. */
export interface AcmeParts {
  readonly app: RequestListener
  readonly validation: ValidationWorker
  readonly issuance: Issuance
  readonly limiter: RateLimiter
}

const hour = 3600

/** Puts the ACME server together. Needs the database once, for the key and the epoch of its nonces. */
export async function createAcmeParts(deps: AcmePartsDeps): Promise<AcmeParts> {
  const { db, config, clock, log, metrics, profiles, issuers } = deps
  const nonces = createNonceService({
    key: await ensureServerKey(db, 'nonce'),
    epoch: await ensureEpoch(db),
    clock,
    readEpoch: () => ensureEpoch(db),
  })
  const owner = `${hostname()}/${process.pid}/${randomBytes(6).toString('hex')}`
  const checkpoint = createCheckpoint(config.testCheckpoint)
  const limiter = config.rateLimitBackend === 'memory' ? createMemoryRateLimiter(clock) : createPostgresRateLimiter(db)
  const leaseSeconds = config.leaseDuration
  const issuance = createIssuance({ db, issuers, clock, log, metrics, owner, leaseSeconds, checkpoint })
  const acme = acmeConfig(config)
  const validation = createValidation(deps, { owner, checkpoint, limiter, rateLimits: acme.rateLimits })
  const accountKeys = createAccountKeys(db)
  const app = createAcmeServer({
    db,
    config: acme,
    clock,
    log,
    metrics,
    nonces,
    accountKeys,
    limiter,
    profiles,
    issuers,
    issuance,
    validation,
    ...(deps.available && { available: deps.available }),
  })
  return { app, validation, issuance, limiter }
}

function acmeConfig(config: Config): AcmeConfig {
  return {
    externalUrls: config.externalUrls,
    ...(config.defaultProfileId !== undefined && { defaultProfileId: config.defaultProfileId }),
    trustedProxies: config.trustedProxies,
    nonceTtlSeconds: config.nonceTtl,
    rateLimits: rateLimits(config),
  }
}

function rateLimits(config: Config): RateLimits {
  const perHour = (limit: number): { limit: number; windowSeconds: number } => ({ limit, windowSeconds: hour })
  return {
    ...defaultRateLimits,
    newAccountsPerAddress: perHour(config.newAccountsPerHour),
    newOrders: perHour(config.ordersPerHour),
    challengeResponses: perHour(config.challengeRespondsPerHour),
    failedValidations: perHour(config.failedValidationsPerHour),
    pendingOrders: config.concurrentOrders,
  }
}

/** Of a lease, what a validation may take: the rest is for writing down its result. */
const shareOfLease = 2 / 3

function createValidation(
  { db, config, clock, log, metrics, profiles, caps }: AcmePartsDeps,
  shared: { owner: string; checkpoint: (label: string) => void; limiter: RateLimiter; rateLimits: RateLimits },
): ValidationWorker {
  const leaseMs = config.leaseDuration * 1000
  const totalMilliseconds = Math.min(defaultValidationTimeouts.totalMilliseconds, leaseMs * shareOfLease)
  const validator = createValidator({
    ports: { http: config.validationHttpPort, tls: config.validationTlsPort },
    defaultResolvers: config.dnsResolvers,
    timeouts: { ...defaultValidationTimeouts, totalMilliseconds },
    caps,
    log,
  })
  return createValidationWorker({
    db,
    validator,
    profiles,
    clock,
    log,
    metrics,
    owner: shared.owner,
    leaseSeconds: config.leaseDuration,
    concurrency: {
      'http-01': config.http01Concurrency,
      'dns-01': config.dns01Concurrency,
      'tls-alpn-01': config.tlsAlpn01Concurrency,
    },
    retryDelaysSeconds: defaultRetryDelaysSeconds,
    pollIntervalSeconds: 1,
    stopGraceSeconds: config.shutdownTimeout / 2,
    onFailedValidation: (failed) => countFailedValidation(shared.limiter, shared.rateLimits, failed),
    sleep,
    checkpoint: shared.checkpoint,
  })
}
