const unitSeconds = { ms: 0.001, s: 1, m: 60, h: 3600 } as const

/** Go-style durations as far as people write them: `90s`, `5m`, `1h30m`, `2160h`, `500ms`. Also the pattern of the CRDs. */
export const durationPattern = /^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/

/** Reads a Go-style duration as seconds; undefined where the text is not one. `0` needs no unit, as in Go. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (!durationPattern.test(text)) return undefined
  let seconds = 0
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|s|m|h)/g)) {
    if (unit === 'ms' || unit === 's' || unit === 'm' || unit === 'h') seconds += Number(amount) * unitSeconds[unit]
  }
  return seconds
}

/** Writes seconds the way people would: the largest unit that leaves no fraction. */
export function formatDuration(seconds: number): string {
  if (seconds === 0) return '0s'
  if (seconds % 3600 === 0) return `${seconds / 3600}h`
  if (seconds % 60 === 0) return `${seconds / 60}m`
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1000)}ms`
}
