import { isJsonObject } from './api-server-apply.ts'
import type { Json, JsonObject } from './api-server-apply.ts'
import type { Call } from './api-server-call.ts'
import { invalid, Refusal } from './api-server-refusals.ts'
import { isSame } from './api-server-store.ts'

/** Go's parser wants exactly six digits. */
const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/
const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/** Throws for what the real API server refuses of the kinds that have no schema of ours. */
export function validate(call: Call, object: JsonObject, before?: JsonObject): void {
  if (!dnsSubdomain.test(call.name ?? '') || (call.name ?? '').length > 253) {
    throw invalid(
      call,
      'metadata.name: Invalid value: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters',
    )
  }
  if (call.kind.plural === 'leases') validateLease(call, object)
  if (call.kind.group === 'events.k8s.io') validateEvent(call, object, before)
}

function requireMicroTime(value: Json | undefined): void {
  if (value === undefined || value === null) return
  if (typeof value !== 'string' || !microTime.test(value)) {
    throw new Refusal(
      400,
      'BadRequest',
      `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05.000000Z07:00": cannot parse`,
    )
  }
}

function validateLease(call: Call, object: JsonObject): void {
  const spec = isJsonObject(object['spec']) ? object['spec'] : {}
  requireMicroTime(spec['acquireTime'])
  requireMicroTime(spec['renewTime'])
  const duration = spec['leaseDurationSeconds']
  if (duration !== undefined && duration !== null && !(Number.isInteger(duration) && Number(duration) > 0)) {
    throw invalid(call, 'spec.leaseDurationSeconds: Invalid value: must be greater than 0')
  }
}

function validateEvent(call: Call, object: JsonObject, before: JsonObject | undefined): void {
  const text = (name: string): string => (typeof object[name] === 'string' ? object[name] : '')
  const series = isJsonObject(object['series']) ? object['series'] : undefined
  requireMicroTime(object['eventTime'])
  requireMicroTime(series?.['lastObservedTime'])
  const longest = { reportingController: 63, reportingInstance: 128, action: 128, reason: 128 }
  for (const [name, length] of Object.entries(longest)) {
    if (text(name) === '') throw invalid(call, `${name}: Required value`)
    if (text(name).length > length) throw invalid(call, `${name}: Invalid value: can have at most ${length} characters`)
  }
  if (object['eventTime'] === undefined) throw invalid(call, 'eventTime: Required value')
  if (text('note').length > 1024) throw invalid(call, 'note: Invalid value: can have at most 1024 characters')
  if (!['Normal', 'Warning'].includes(text('type'))) throw invalid(call, 'type: Invalid value')
  if (series !== undefined && !(Number(series['count']) >= 2))
    throw invalid(call, 'series.count: Invalid value: should be at least 2')
  const regarding = isJsonObject(object['regarding']) ? object['regarding'] : {}
  if (regarding['namespace'] === undefined && !['default', 'kube-system'].includes(call.namespace ?? '')) {
    throw invalid(call, 'involvedObject.namespace: Invalid value: does not match event.namespace')
  }
  const fixed = [
    'eventTime',
    'reportingController',
    'reportingInstance',
    'action',
    'reason',
    'regarding',
    'note',
    'type',
  ]
  for (const name of before === undefined ? [] : fixed) {
    if (!isSame(before?.[name], object[name])) throw invalid(call, `${name}: Invalid value: field is immutable`)
  }
}
