import { isMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { Pair, YAMLMap } from 'yaml'
import { closed } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { kubernetesShapes } from './kubernetes-shapes.ts'
import { sampleObjects } from './sample-objects.ts'
import { textShapes } from './text-shapes.ts'

const shapes: Readonly<Record<string, JsonSchema>> = {
  ...textShapes,
  ...kubernetesShapes,
  sampleObjects: sampleObjects(),
}

/** One value that can be set. */
export interface Leaf {
  readonly kind: 'leaf'
  /** Joined by dots, as `--set` has it. */
  readonly path: string
  readonly name: string
  readonly description: string
  readonly default: unknown
  /** What may be written there. */
  readonly schema: JsonSchema
}

/** Values under one name. */
export interface Group {
  readonly kind: 'group'
  readonly path: string
  readonly name: string
  readonly members: readonly Value[]
}

export type Value = Leaf | Group

/** A values file that can't be understood: the path and what to write. */
export class AnnotationError extends Error {
  override readonly name = 'AnnotationError'
}

/**
 * Reads values with the comments above them: text after `--` describes a value, `@schema {…}` (JSON, on one line) and
 * `@shape name` say what may be written there beyond what the default tells. A map without either is a group.
 */
export function readAnnotatedValues(text: string): readonly Value[] {
  const document = parseDocument(text)
  if (document.errors.length > 0) throw new AnnotationError(document.errors.join('\n'))
  if (!isMap(document.contents)) throw new AnnotationError('the values are no map')
  return membersOf(document.contents, '')
}

function membersOf(map: YAMLMap, path: string): Value[] {
  return map.items.map((pair, index) => {
    // The parser gives a comment above the first key to the map.
    const comment = (index === 0 ? map.commentBefore : undefined) ?? commentOf(pair)
    const name = String(isScalar(pair.key) ? pair.key.value : pair.key)
    return valueOf(pair, { name, path: path === '' ? name : `${path}.${name}`, comment: comment ?? '' })
  })
}

function commentOf(pair: Pair): string | undefined {
  return isScalar(pair.key) ? (pair.key.commentBefore ?? undefined) : undefined
}

interface Place {
  readonly name: string
  readonly path: string
  readonly comment: string
}

function valueOf(pair: Pair, { name, path, comment }: Place): Value {
  const annotation = readAnnotation(comment, path)
  const { value } = pair
  if (isMap(value) && value.items.length > 0 && annotation.schema === undefined) {
    return { kind: 'group', path, name, members: membersOf(value, path) }
  }
  if (annotation.description === '') throw new AnnotationError(`${path}: say what it is, in a comment: # -- …`)
  const plain = toPlain(value)
  const schema = { ...typeOf(plain, path, annotation.schema), ...closed(annotation.schema ?? {}) }
  return { kind: 'leaf', path, name, description: annotation.description, default: plain, schema }
}

function toPlain(node: unknown): unknown {
  if (isMap(node) || isSeq(node)) return node.toJSON()
  return isScalar(node) ? node.value : node
}

function readAnnotation(comment: string, path: string): { description: string; schema?: JsonSchema } {
  // What stands above an empty line belongs to the file and to no value.
  const lines = (comment.split(/\n\s*\n/).at(-1) ?? '').split('\n').map((line) => line.trim())
  const start = lines.findIndex((line) => line.startsWith('-- '))
  const marks = lines.filter((line) => line.startsWith('@'))
  const words = start < 0 ? [] : lines.slice(start).filter((line) => !line.startsWith('@'))
  const description = words.join(' ').replace(/^-- /, '').trim()
  const schemas = marks.map((mark) => readMark(mark, path))
  return schemas.length === 0 ? { description } : { description, schema: Object.assign({}, ...schemas) as JsonSchema }
}

function readMark(mark: string, path: string): JsonSchema {
  const [word = '', ...rest] = mark.split(' ')
  const text = rest.join(' ')
  if (word === '@schema') {
    try {
      return JSON.parse(text) as JsonSchema
    } catch (error) {
      throw new AnnotationError(`${path}: what follows @schema is no JSON: ${String(error)}`)
    }
  }
  const shape = word === '@shape' && Object.hasOwn(shapes, text) ? shapes[text] : undefined
  if (shape !== undefined) return shape
  throw new AnnotationError(`${path}: there is no ${mark}; shapes are ${Object.keys(shapes).join(', ')}`)
}

function typeOf(value: unknown, path: string, given: JsonSchema | undefined): JsonSchema {
  if (given?.['type'] !== undefined) return {}
  if (Array.isArray(value)) {
    if (given?.['items'] === undefined) throw new AnnotationError(`${path}: say what its items are: @schema or @shape`)
    return { type: 'array' }
  }
  if (typeof value === 'object') throw new AnnotationError(`${path}: say what it holds: @schema or @shape`)
  if (typeof value === 'number') return { type: 'integer' }
  return { type: typeof value }
}
