import { type Document, isCollection, isNode, isScalar, type Pair, parseAllDocuments, visit } from 'yaml'
import { judgeInstruction, judgeMember } from './health-checks-rules.ts'

/** A health check that is not known to be encrypted, and where it stands. */
export interface Finding {
  readonly line: number
  readonly what: string
}

/** A URL of a probe's path without TLS, wherever it stands. */
const plainUrl = /http:\/\/[^\s'"]*\/(health|healthz|livez|ready|readyz)\b/i

/** A key of a health check, of an annotation about one, and of what stands in one. */
const keyOfCheck = /probe|health[-_]?check|httpGet|tcpSocket/i

/** A health check in text that is not read any further. */
const mention = new RegExp(`(${keyOfCheck.source})[\\w./-]*["']?\\s*:|--health-cmd`, 'i')

/** A line that has nothing but actions of a template. */
const actionLine = /^[ \t]*\{\{.*\}\}[ \t]*$/m

/** Finds health checks in a Dockerfile, a compose file, Kubernetes manifests or a template of such. */
export function unsafeHealthChecks(text: string): Finding[] {
  return [...inLines(text), ...inYaml(text)].toSorted((one, other) => one.line - other.line)
}

function inLines(text: string): Finding[] {
  const lines = text.split('\n')
  return lines.flatMap((line, index) => {
    if (isComment(line)) return []
    const what = plainUrl.test(line) ? 'a URL without TLS' : judgeInstruction(continuedFrom(lines, index))
    return what === undefined ? [] : [{ line: index + 1, what }]
  })
}

/** The line and those it is continued on, by either escape character: an instruction may begin at any line, to be safe. */
function continuedFrom(lines: readonly string[], first: number): string {
  let text = lines[first] ?? ''
  for (const line of lines.slice(first + 1)) {
    if (!/[\\`]\s*$/.test(text)) break
    if (!isComment(line) && line.trim() !== '') text = text.replace(/[\\`]\s*$/, '') + line
  }
  return text
}

function isComment(line: string): boolean {
  return /^\s*#/.test(line)
}

function inYaml(text: string): Finding[] {
  const documents = parsed(text) ?? parsed(withoutActions(text))
  if (documents !== undefined) return documents.flatMap((document) => inDocument(document, text))
  return text.split('\n').flatMap((line, index) => {
    const isFound = mention.test(line) && !isComment(line)
    return isFound ? [{ line: index + 1, what: 'a health check in a file that is no YAML' }] : []
  })
}

/** A template may say a key in either branch, and its actions are objects as keys, if YAML at all: nothing else has those. */
function parsed(text: string): Document[] | undefined {
  const documents = parseAllDocuments(text, { merge: true })
  const isYaml = documents.every(({ errors }) => errors.every(({ code }) => code === 'DUPLICATE_KEY'))
  return isYaml && !documents.some(hasObjectAsKey) ? documents : undefined
}

function hasObjectAsKey(document: Document): boolean {
  let isFound = false
  visit(document, (key, node) => {
    if (key === 'key' && isCollection(node)) isFound = true
  })
  return isFound
}

/** A template without what it is made of, all else in its place: values are some word, and other lines are empty. */
function withoutActions(text: string): string {
  const words = text.replaceAll(/\{\{-?\s*\/\*[^]*?\*\/\s*-?\}\}|\{\{.*?\}\}/g, (action) =>
    action.replaceAll(/[^\n]/g, '\0'),
  )
  return words.replaceAll(/^[ \t]*\0[\0 \t]*$/gm, (line) => ' '.repeat(line.length)).replaceAll('\0', 'x')
}

function inDocument(document: Document, text: string): Finding[] {
  const found: Finding[] = []
  const add = (offset: number, what: string | undefined) => {
    if (what !== undefined) found.push({ line: text.slice(0, offset).split('\n').length, what })
  }
  visit(document, {
    Pair(_, pair, path) {
      if (!keyOfCheck.test(keyOf(pair))) return
      const parent = path.at(-1)
      const siblings: unknown = isNode(parent) ? parent.toJS(document) : undefined
      const value: unknown = isNode(pair.value) ? pair.value.toJS(document) : undefined
      const [start, end] = rangeOf(pair)
      add(start, judgeMember(keyOf(pair), value, siblings))
      add(start, undecided(document, text, [start, end]))
    },
    Scalar(key, { value, range }) {
      const isHidden = key !== 'key' && typeof value === 'string' && mention.test(value)
      if (isHidden) add(range?.[0] ?? 0, 'a health check inside a string')
    },
  })
  return found
}

/** What decides must be written out, once: templates are not rendered. */
function undecided(document: Document, text: string, [start, end]: [number, number]): string | undefined {
  if (actionLine.test(text.slice(start, end))) return 'a template decides'
  const isTwice = document.errors.some(({ pos }) => pos[0] >= start && pos[0] < end)
  return isTwice ? 'a key that is said twice' : undefined
}

function keyOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : ''
}

function rangeOf({ key, value }: Pair): [number, number] {
  const [start, end] = (isNode(key) && key.range) || [0, 0]
  return [start, (isNode(value) && value.range?.[1]) || end]
}
