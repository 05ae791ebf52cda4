/** Pauses that double from failure to failure. */
export interface Backoff {
  /** Milliseconds to wait before the next attempt. */
  next(): number
  /** The next pause is the first again. */
  reset(): void
}

/** The jitter takes up to half of a pause away, so that those who failed together don't return together. */
export function createBackoff(options: { firstMs: number; longestMs: number; random: () => number }): Backoff {
  const { firstMs, longestMs, random } = options
  let pauseMs = firstMs
  return {
    next() {
      const ms = pauseMs * (1 - random() / 2)
      pauseMs = Math.min(pauseMs * 2, longestMs)
      return ms
    },
    reset() {
      pauseMs = firstMs
    },
  }
}
