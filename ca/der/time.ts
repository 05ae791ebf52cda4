import { DerError } from './reader.ts'
import type { DerReader } from './reader.ts'
import { tag } from './tags.ts'

const pattern = /^(\d{4})(\d\d)(\d\d)([01]\d|2[0-3])([0-5]\d)([0-5]\d)Z$/

/** Reads a Time as RFC 5280 section 4.1.2.5 restricts it: whole seconds, Zulu, UTCTime exactly through 2049. */
export function readTime(reader: DerReader, what: string): Date {
  const { tag: found, contents } = reader.element()
  const text = String.fromCharCode(...contents.subarray(0, 16))
  if (found === tag.utcTime) return exactDate(`${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`, what)
  if (found !== tag.generalizedTime) throw new DerError(`${what} is neither UTCTime nor GeneralizedTime`)
  if (text < '2050') throw new DerError(`${what} is before 2050 and must be a UTCTime`)
  return exactDate(text, what)
}

function exactDate(text: string, what: string): Date {
  const [, year, month = 0, day, hour, minute, second] = (pattern.exec(text) ?? []).map(Number)
  if (year === undefined) throw new DerError(`${what} is not written as YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ`)
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  // Date.UTC rolls 30 February over into March.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) {
    throw new DerError(`${what} is not a date of the calendar`)
  }
  return date
}
