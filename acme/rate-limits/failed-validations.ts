import type { RateLimits } from '../policy.ts'
import type { FailedValidation } from '../validation/attempt.ts'
import type { RateLimiter } from './limiter.ts'
import { failedValidationCharge, mergeRateLimits } from './limits.ts'

/** Counts a validation that failed for good against the account and the identifier; what the worker is to call. */
export async function countFailedValidation(
  limiter: RateLimiter,
  defaults: RateLimits,
  { challenge, revision }: FailedValidation,
): Promise<void> {
  const { accountId, identifier } = challenge.authorization
  const limits = mergeRateLimits(defaults, revision.policy.rateLimits)
  await limiter.charge([failedValidationCharge(limits, accountId, identifier.value)])
}
