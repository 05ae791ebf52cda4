/** The actor of everything that the controllers write. */
export const controllerActor = 'controller'

/**
 * The generation of what a manifest says now. Manifests carry none, so it is the time at which a change was seen: later
 * than anything stored for the object, also for one that was retired and comes back.
 */
export function nextGeneration(stored: number | undefined, now: Date): number {
  return Math.max((stored ?? 0) + 1, now.getTime())
}
