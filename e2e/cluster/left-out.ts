/**
 * Paths of what was sent and is not in the answer: the API server says nothing of fields that it knows and that a
 * feature gate turns off. Empty values are left out of any answer.
 */
export function leftOut(sent: unknown, answered: unknown, path = ''): string[] {
  if (isEmpty(sent)) return []
  if (answered === undefined || answered === null) return [path]
  if (typeof sent !== 'object' || sent === null) return []
  const found = new Map<string, unknown>(Object.entries(answered))
  return Object.entries(sent).flatMap(([name, value]) => leftOut(value, found.get(name), `${path}.${name}`))
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isEmpty)
  return [undefined, null, '', 0, false].includes(value as null)
}
