import { z } from 'zod'
import { durationPattern, formatDuration, parseDuration } from '../duration.ts'
import { matches, withRules } from './rules.ts'

/** The API group and version of our kinds. */
export const apiVersion = 'certctl.io/v1alpha1'

/** Free text of so many characters, counted as an API server counts them: a character beyond U+FFFF is one. */
export function text(description: string, bounds: { min?: number; max: number }): z.ZodString {
  const { min = 1, max } = bounds
  return z
    .string()
    .refine((value) => Array.from(value).length >= min, `must have at least ${min} characters`)
    .refine((value) => Array.from(value).length <= max, `must have at most ${max} characters`)
    .meta({ description, minLength: min, maxLength: max })
}

const labelPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

/** Names are DNS labels, so that the dot of `<namespace>.<name>` in URLs is never part of one. */
export function objectName(description: string): z.ZodString {
  return withRules(z.string().max(63), description, [
    matches(labelPattern, 'is not a DNS label; use small letters, digits and hyphens'),
  ])
}

const subdomainPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/** The name of an object that is not ours, such as a Secret, which may have dots. */
export function subdomainName(description: string): z.ZodString {
  return withRules(z.string().max(253), description, [
    matches(subdomainPattern, 'is not a name of Kubernetes; use small letters, digits, hyphens and dots'),
  ])
}

/** In CEL, whether a text is a duration: `duration()` of another one is an error. */
export function isDuration(expression: string): string {
  return `${expression}.matches(r'${durationPattern.source}')`
}

/** A Go-style duration within bounds given in seconds. */
export function durationText(description: string, bounds: { min: number; max: number }): z.ZodString {
  const [min, max] = [formatDuration(bounds.min), formatDuration(bounds.max)]
  const pattern = matches(durationPattern, 'is not a duration; write for example 90s, 5m or 2160h')
  return withRules(z.string().max(32), description, [
    pattern,
    {
      rule: `!${isDuration('self')} || (duration(self) >= duration('${min}') && duration(self) <= duration('${max}'))`,
      message: `must be from ${min} to ${max}`,
      holds(value) {
        if (!pattern.holds(value)) return true
        const length = parseDuration(value) ?? 0
        return length >= bounds.min && length <= bounds.max
      },
    },
  ])
}

/** Seconds of a duration that a schema has accepted. */
export function seconds(duration: string): number {
  return Math.floor(parseDuration(duration) ?? 0)
}

/** Some of a few words, each at most once. */
export function setOf<const Words extends readonly [string, ...string[]]>(
  description: string,
  words: Words,
): z.ZodArray<z.ZodEnum<{ [Word in Words[number]]: Word }>> {
  return z
    .array(z.enum(words))
    .min(1)
    .max(words.length)
    .superRefine((items, context) => {
      for (const [index, item] of items.entries()) {
        if (items.indexOf(item) === index) continue
        context.addIssue({ code: 'custom', path: [index], message: `is ${item} again; name it once` })
      }
    })
    .meta({ description, 'x-kubernetes-list-type': 'set' })
}

const networkPattern = /^([0-9.]{7,15}|[0-9a-fA-F:.]{2,39})\/[0-9]{1,3}$/

/** Networks in CIDR form. The rule tells what is none at all; the rest is checked in code, for older API servers. */
export function networks(description: string, max: number): z.ZodArray<z.ZodString> {
  const network = withRules(z.string().max(43), 'A network in CIDR form.', [
    matches(networkPattern, 'is not a network; write for example 10.0.0.0/8 or fd00::/8'),
  ])
  return z.array(network).max(max).meta({ description })
}

const namePattern = /^(\*\*?\.)?([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

/** Patterns of DNS names, as the policy of a profile and the ceilings of an Issuer name them. */
export function namePatterns(description: string): z.ZodArray<z.ZodString> {
  const pattern = withRules(z.string().max(253), 'A pattern of DNS names.', [
    matches(namePattern, 'is not a name pattern; write example.com, *.example.com or **.example.com in small letters'),
  ])
  return z.array(pattern).max(64).meta({ description })
}

/** Labels, annotations and what an API server adds are taken as they are. */
export const metadata = z.looseObject({
  name: objectName('Name of the object, a DNS label.'),
  namespace: objectName('Namespace of the object, a DNS label.').optional(),
})
