import type { Timers } from './timers.ts'

/**
 * Does something with a signal that aborts as `signal` does, and after so many milliseconds with an error that says
 * what took too long. Nothing is left behind afterwards, even by a task that doesn't remove its listeners: what
 * `AbortSignal.any` makes would then live as long as `signal`, which is as long as the process.
 */
export async function withDeadline<T>(
  options: { readonly timers: Timers; readonly ms: number; readonly signal: AbortSignal; readonly what: string },
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { timers, ms, signal, what } = options
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(signal.reason)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  const cancel = timers.after(ms, () => controller.abort(new DeadlineExceeded(`${what} took longer than ${ms} ms`)))
  try {
    return await task(controller.signal)
  } finally {
    cancel()
    signal.removeEventListener('abort', onAbort)
  }
}

/** The time that was given is up. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded'
}
