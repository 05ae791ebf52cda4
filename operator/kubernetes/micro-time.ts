/**
 * Kubernetes' MicroTime, such as `2026-01-01T00:00:00.000000Z`: the API server takes six digits of the second and no
 * other number of them. The microseconds, 0 to 999, come on top of the date's milliseconds.
 */
export function microTime(date: Date, microseconds = 0): string {
  return `${date.toISOString().slice(0, -1)}${String(microseconds).padStart(3, '0')}Z`
}
