import type { Log } from '../acme/ports.ts'
import type { AcmeParts } from './acme-parts.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { PolicyDefaults } from './controllers/profile/policy.ts'
import type { IssuerRegistry } from './issuer-registry.ts'
import type { Metrics } from './metrics.ts'
import type { ServingCertificates } from './tls.ts'

/** What serving and reconciling need, wherever the process runs. */
export interface PlaneDeps {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly registry: IssuerRegistry
  /** The listener's: what clients must trust is published from here. */
  readonly certificates: Pick<ServingCertificates, 'caPem'>
  /** Ends the start when it is aborted. */
  readonly signal: AbortSignal
}

/** What serves and reconciles behind the listeners, on a database that is open and migrated. */
export interface Plane {
  readonly parts: AcmeParts
  readonly readyProfiles: readonly string[]
  /** Looks for changes now. */
  reload(): void
  /** Why this process must not serve now; undefined while it may. */
  reasonNotServing(): string | undefined
  /** Ends what runs by itself. */
  stop(): Promise<void>
}

/** The start was refused for a reason that a person has to remove. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused'
}

/** The server's word where a profile says nothing. */
export function policyDefaults(config: Config): PolicyDefaults {
  const { termsOfServiceUrl, websiteUrl, caaIdentities } = config
  return {
    orderLifetimeSeconds: config.orderTtl,
    authorizationLifetimeSeconds: config.authorizationTtl,
    meta: {
      ...(termsOfServiceUrl !== undefined && { termsOfService: termsOfServiceUrl }),
      ...(websiteUrl !== undefined && { website: websiteUrl }),
      ...(caaIdentities.length > 0 && { caaIdentities }),
    },
  }
}
