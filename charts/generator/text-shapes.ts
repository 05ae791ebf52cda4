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
const pathPart = '[a-z0-9]+([-._]+[a-z0-9]+)*'

const text = (pattern: string): JsonSchema => ({ type: 'string', pattern: `^(${pattern})$` })

/** A network with its length, as Kubernetes wants it. */
export const cidr = text(`${ipv4}/([12]?[0-9]|3[0-2])|${ipv6}/([1-9]?[0-9]|1[01][0-9]|12[0-8])`)

/** By the name that `@shape` uses in values.yaml. */
export const textShapes: Readonly<Record<string, JsonSchema>> = {
  duration: text('([0-9]+([.][0-9]+)?(ms|s|m|h))+'),
  // Prometheus knows whole numbers alone, the bigger units first.
  scrapeDuration: { minLength: 2, ...text('([1-9][0-9]*h)?([1-9][0-9]*m)?([1-9][0-9]*s)?([1-9][0-9]*ms)?') },
  networks: listOf(text(`${ipv4}(/([12]?[0-9]|3[0-2]))?|${ipv6}(/([1-9]?[0-9]|1[01][0-9]|12[0-8]))?`)),
  cidrs: listOf(cidr),
  resolvers: listOf(text(`${ipv4}(:${port})?|${ipv6}|\\[${ipv6}\\]:${port}`)),
  /** Empty: none. */
  objectName: { maxLength: 253, ...text('([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?') },
  dataKey: text('[-._A-Za-z0-9]+'),
  optionalDataKey: text('[-._A-Za-z0-9]*'),
  imageRegistry: text('([A-Za-z0-9][-A-Za-z0-9.]*(:[0-9]+)?(/[a-z0-9][-._a-z0-9]*)*/?)?'),
  imageRepository: text(`([A-Za-z0-9][-A-Za-z0-9.]*:[0-9]+/)?${pathPart}(/${pathPart})*`),
  // With a digest, as tools write it that keep both.
  imageTag: text('([A-Za-z0-9_][-.A-Za-z0-9_]{0,127}(@sha256:[0-9a-f]{64})?)?'),
  volumeSize: text('([1-9][0-9]*([.][0-9]+)?|0[.][0-9]*[1-9][0-9]*)(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)|[1-9][0-9]{6,}'),
  domainNames: listOf(text(`(${label}[.])*${label}`)),
  httpsBases: listOf(text(`https://${base}`)),
  optionalBase: text(`(https?://${base})?`),
  optionalLink: text(`(https?://${base}(/[!-~]*)?)?`),
}
