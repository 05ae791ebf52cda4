import type { Log } from '../../acme/ports.ts'
import { isGone, isNotFound, KubernetesApiError } from './api-error.ts'
import type { Timers } from './timers.ts'

/** Why a watch, or the list before it, has to be begun again. */
export type WatchRestartCause =
  /** By the API server, in order. */
  | 'ended'
  /** Because everything is to be listed again. */
  | 'relist'
  /** The API server has forgotten the version. */
  | 'gone'
  /** 404: there is no such kind. */
  | 'not-installed'
  /** 401, 403 and other answers that blame the request. */
  | 'refused'
  /** 429. */
  | 'throttled'
  /** 5xx. */
  | 'failing'
  | 'unreachable'

export function causeOf(error: unknown): WatchRestartCause {
  if (!(error instanceof KubernetesApiError)) return 'unreachable'
  if (isGone(error)) return 'gone'
  if (isNotFound(error)) return 'not-installed'
  if (error.status === 429) return 'throttled'
  return error.status >= 500 ? 'failing' : 'refused'
}

/** Tells of failures without repeating itself. */
export interface TroubleLog {
  tell(error: unknown, delaySeconds: number): void
  isOver(): void
}

const repeatAfterMs = 300_000

/** A trouble that stays the same is told every five minutes; that a kind isn't installed is told once, being no trouble. */
export function createTroubleLog(log: Log, timers: Timers): TroubleLog {
  let last: { readonly words: string; readonly at: number } | undefined
  let isTrouble = false

  return {
    tell(error, delaySeconds) {
      const isMissing = isNotFound(error)
      const words = isMissing ? 'not installed' : String(error)
      const repeatMs = isMissing ? Infinity : repeatAfterMs
      if (last?.words === words && timers.now() - last.at < repeatMs) return
      last = { words, at: timers.now() }
      isTrouble = !isMissing
      if (isMissing) log.info({}, 'this kind is not installed; looking again from time to time')
      else log.warn({ err: error, delaySeconds }, 'the watch failed and will be tried again')
    },
    isOver() {
      if (isTrouble) log.info({}, 'the watch works again')
      isTrouble = false
      last = undefined
    },
  }
}
