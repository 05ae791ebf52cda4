import { problem } from '../problems.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export type JsonObject = Readonly<Record<string, unknown>>

/** Narrows a parsed JSON value to an object that is neither null nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Promises the object that the bytes hold: UTF-8 without a byte order mark, and no member name twice at any depth, since
 * two parsers may each believe another one (RFC 7515 section 4: "Header Parameter names within the JOSE Header MUST be
 * unique"). Throws `malformed`; `what` names the bytes in its sentence.
 */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  const text = decodeUtf8(bytes, what)
  const value = parseJson(text, what)
  if (!isJsonObject(value)) throw problem.malformed(`${what} must be a JSON object.`)
  const repeated = findRepeatedMember(text)
  if (repeated !== undefined) {
    throw problem.malformed(`${what} has the member ${JSON.stringify(repeated)} twice; send each member once.`)
  }
  return value
}

function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    const text = utf8.decode(bytes)
    // RFC 8259 section 8.1: implementations "MUST NOT add a byte order mark".
    if (!text.startsWith('\uFEFF')) return text
  } catch (cause) {
    throw problem.malformed(`${what} is not UTF-8.`, { cause })
  }
  throw problem.malformed(`${what} begins with a byte order mark; send it without.`)
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw problem.malformed(`${what} is not valid JSON.`, { cause })
  }
}

/**
 * The first member name that its object has twice. Expects text that JSON.parse accepted, so strings are the only
 * places where a brace or colon can mislead, and `indexOf` leaps over the long ones.
 */
function findRepeatedMember(json: string): string | undefined {
  const openObjects: Set<string>[] = []
  let lastString = ''
  for (let at = 0; at < json.length; at++) {
    switch (json.charAt(at)) {
      case '{':
        openObjects.push(new Set())
        break
      case '}':
        openObjects.pop()
        break
      case '"': {
        const end = endOfString(json, at)
        lastString = json.slice(at, end + 1)
        at = end
        break
      }
      // Outside a string, a colon only ever follows a member's name.
      case ':': {
        const name = memberName(lastString)
        const names = openObjects.at(-1)
        if (names?.has(name)) return name
        names?.add(name)
        break
      }
    }
  }
  return undefined
}

function endOfString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1)
  while (isEscaped(json, end)) end = json.indexOf('"', end + 1)
  return end
}

function isEscaped(json: string, at: number): boolean {
  let backslashes = 0
  while (json[at - 1 - backslashes] === '\\') backslashes++
  return backslashes % 2 === 1
}

/** "a" and "\u0061" are the same name. */
function memberName(literal: string): string {
  return literal.includes('\\') ? String(JSON.parse(literal)) : literal.slice(1, -1)
}
