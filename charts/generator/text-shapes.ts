import { listOf } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

/*
 * Texts that the program, or Prometheus, reads from values: what they would refuse at the start is refused when the chart
 * is rendered. A pattern may be stricter than they are, and never less strict.
 */

const ipv4 = '((25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})[.]){3}(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})'
const hex = '[0-9a-fA-F]{1,4}'
const ipv6 = `(${[
  `(${hex}:){7}${hex}`,
  `(${hex}:){1,7}:`,
  // Zeros left out in between: so many groups at most before, so many after.
  ...[1, 2, 3, 4, 5, 6].map((after) => `(${hex}:){1,${7 - after}}(:${hex}){1,${after}}`),
  `:(:${hex}){1,7}`,
  '::',
].join('|')})`
const port = '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])'
const label = '[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?'
// A name whose last label begins with a digit would be taken for an address.
const name = `(${label}[.])*[A-Za-z]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?`
const base = `(${name}|${ipv4}|\\[${ipv6}\\])(:${port})?`

const text = (pattern: string): JsonSchema => ({ type: 'string', pattern: `^(${pattern})$` })

/** By the name that `@shape` uses in values.yaml. */
export const textShapes: Readonly<Record<string, JsonSchema>> = {
  duration: text('([0-9]+([.][0-9]+)?(ms|s|m|h))+'),
  // Prometheus knows whole numbers alone, the bigger units first.
  scrapeDuration: { minLength: 2, ...text('([1-9][0-9]*h)?([1-9][0-9]*m)?([1-9][0-9]*s)?([1-9][0-9]*ms)?') },
  networks: listOf(text(`${ipv4}(/([12]?[0-9]|3[0-2]))?|${ipv6}(/([1-9]?[0-9]|1[01][0-9]|12[0-8]))?`)),
  /** As a Service wants them. */
  cidrs: listOf(text(`${ipv4}/([12]?[0-9]|3[0-2])|${ipv6}/([1-9]?[0-9]|1[01][0-9]|12[0-8])`)),
  resolvers: listOf(text(`${ipv4}(:${port})?|${ipv6}|\\[${ipv6}\\]:${port}`)),
  domainNames: listOf(text(`(${label}[.])*${label}`)),
  httpsBases: listOf(text(`https://${base}`)),
  optionalBase: text(`(https?://${base})?`),
  optionalLink: text(`(https?://${base}(/[!-~]*)?)?`),
}
