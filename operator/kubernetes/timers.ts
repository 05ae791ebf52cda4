/** Monotonic time and waiting, injected so that tests need not wait. The date is another matter: see `Clock`. */
export interface Timers {
  /** Milliseconds since some moment in the past. They never go back, whatever happens to the machine's date. */
  now(): number
  /** Calls once when so many milliseconds have passed. What is returned cancels it and may be called at any time. */
  after(ms: number, call: () => void): () => void
  /** Resolves when so many milliseconds have passed; rejects with the signal's reason if that aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Node fires a longer timer at once: https://nodejs.org/api/timers.html */
const longestTimerMs = 2 ** 31 - 1

/** The machine's own timers. They keep no process alive. */
export const systemTimers: Timers = {
  now: () => performance.now(),
  after,
  sleep: (ms, signal) => sleepWith(after, ms, signal),
}

function after(ms: number, call: () => void): () => void {
  let timer: NodeJS.Timeout
  function wait(remainingMs: number): void {
    const laterMs = remainingMs - longestTimerMs
    const fire = laterMs > 0 ? () => wait(laterMs) : call
    timer = setTimeout(fire, Math.min(remainingMs, longestTimerMs)).unref()
  }
  wait(Math.max(0, ms))
  return () => clearTimeout(timer)
}

/** `Timers.sleep` made of `Timers.after`. */
export function sleepWith(afterMs: Timers['after'], ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(reasonOf(signal))
      return
    }
    const onAbort = (): void => {
      cancel()
      reject(reasonOf(signal))
    }
    const cancel = afterMs(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** A reason may be anything; an error is what a stack trace can be read from. */
function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason })
}
