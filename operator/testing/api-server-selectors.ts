import { isJsonObject, textOf } from './api-server-apply.ts'
import type { JsonObject } from './api-server-apply.ts'
import type { Call } from './api-server-call.ts'
import { metaOf } from './api-server-store.ts'

/** Whether an object is among those that a list or a watch asks for. */
export function selectorOf(call: Call): (object: JsonObject) => boolean {
  const labels = requirementsOf(call.query.get('labelSelector') ?? '')
  const fields = requirementsOf(call.query.get('fieldSelector') ?? '')
  return (object) => {
    const meta = metaOf(object)
    const own = isJsonObject(meta['labels']) ? meta['labels'] : {}
    const field = { 'metadata.name': meta['name'] ?? null, 'metadata.namespace': meta['namespace'] ?? null }
    return labels.every((holds) => holds(own)) && fields.every((holds) => holds(field))
  }
}

/** `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a` and `!a`. */
function requirementsOf(selector: string): ((labels: JsonObject) => boolean)[] {
  const parts = selector.match(/[^,(]+(\([^)]*\))?/g) ?? []
  return parts
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(requirementOf)
}

function requirementOf(part: string): (labels: JsonObject) => boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(part)
  if (set !== null) {
    const [, key = '', operator, list = ''] = set
    const values = list.split(',').map((value) => value.trim())
    return (labels) => values.includes(textOf(labels[key] ?? '\0')) === (operator === 'in')
  }
  const equality = /^([^!=]+)(==|=|!=)(.*)$/.exec(part)
  if (equality !== null) {
    const [, key = '', operator, value] = equality
    return (labels) => (labels[key.trim()] === value?.trim()) === (operator !== '!=')
  }
  return part.startsWith('!') ? (labels) => !(part.slice(1) in labels) : (labels) => part in labels
}
