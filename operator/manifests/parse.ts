import { LineCounter, parseAllDocuments } from 'yaml'
import type { YAMLError } from 'yaml'
import { z } from 'zod'
import { check, fieldPath } from '../api/check.ts'
import { metadata } from '../api/fields.ts'
import { secretMetadata } from '../api/secret.ts'
import type { Manifest, Mistake, Place } from './manifest.ts'
import { danglingAliases, offsetOf } from './offsets.ts'
import type { ParsedDocument } from './offsets.ts'
import { recognise } from './recognise.ts'

/** What one file holds. */
export interface ParsedFile {
  readonly manifests: readonly Manifest[]
  readonly mistakes: readonly Mistake[]
  /** False where a part of the file can't be read, so that objects may be hidden in it. */
  readonly complete: boolean
  /** Objects that are not for us, such as a Namespace or a ConfigMap. */
  readonly ignored: readonly string[]
}

/** Reads every object of a YAML or JSON file. Nothing is thrown: what can't be read becomes a mistake with its place. */
export function parseManifests(file: string, text: string, options: { defaultNamespace: string }): ParsedFile {
  const lines = new LineCounter()
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const result = {
    manifests: new Array<Manifest>(),
    mistakes: new Array<Mistake>(),
    complete: true,
    ignored: new Array<string>(),
  }
  for (const document of 'empty' in parsed ? [] : parsed) {
    const faults = unreadable(document)
    if (faults.length > 0) {
      result.complete = false
      result.mistakes.push(...faults.map(({ offset, message }) => ({ place: placeAt(offset), message })))
      continue
    }
    const read = readObject(document, placeAt, options.defaultNamespace)
    if (read.manifest !== undefined) result.manifests.push(read.manifest)
    if (read.ignored !== undefined) result.ignored.push(read.ignored)
    if (read.hidden === true) result.complete = false
    result.mistakes.push(...(read.mistakes ?? []))
  }
  return result
}

interface ReadObject {
  readonly manifest?: Manifest
  readonly mistakes?: readonly Mistake[]
  readonly ignored?: string
  /** The object can't be told, so it may be one that is being served. */
  readonly hidden?: true
}

function readObject(
  document: ParsedDocument,
  placeAt: (offset: number) => Place,
  defaultNamespace: string,
): ReadObject {
  const placeOf = (path: readonly (string | number)[]): Place => placeAt(offsetOf(document, path))
  const mistake = (path: readonly (string | number)[], message: string): ReadObject => ({
    mistakes: [{ place: placeOf(path), ...(path.length > 0 && { field: fieldPath(path) }), message }],
    hidden: true,
  })
  const content = toPlain(document)
  if (content === tooManyAliases) return mistake([], 'expands to too much through its aliases; write the values out')
  if (content === null || content === undefined) return {}
  if (typeof content !== 'object' || Array.isArray(content)) {
    return mistake([], 'is not an object; write apiVersion, kind, metadata and spec')
  }
  const recognised = recognise(content)
  if (recognised.outcome === 'foreign') return { ignored: recognised.title }
  if (recognised.outcome === 'mistake') return mistake([recognised.field], recognised.message)

  const { kind } = recognised
  const identity = check(identities[kind], content)
  if (!identity.ok) {
    const mistakes = identity.errors.map(({ path, message }) => ({
      place: placeOf(path),
      object: kind,
      field: fieldPath(path),
      message,
    }))
    return { mistakes, hidden: true }
  }
  const { name, namespace = defaultNamespace } = identity.value.metadata
  return { manifest: { kind, namespace, name, content, place: placeOf([]), placeOf } }
}

const ours = z.looseObject({ metadata })
const identities = { Issuer: ours, CertificateProfile: ours, Secret: z.looseObject({ metadata: secretMetadata }) }

const tooManyAliases = Symbol('too many aliases')

function toPlain(document: ParsedDocument): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    if (error instanceof ReferenceError) return tooManyAliases
    throw error
  }
}

function unreadable(document: ParsedDocument): { offset: number; message: string }[] {
  const faults = [...document.errors, ...document.warnings]
  return [
    ...faults.map((fault) => ({ offset: fault.pos[0], message: yamlWords(fault) })),
    ...danglingAliases(document).map(({ name, offset }) => ({
      offset,
      message: `is an alias of &${name}, which is not in this document; write the value out`,
    })),
  ]
}

/** The parser's own words, with a remedy for what people do most. */
function yamlWords({ code, message }: YAMLError): string {
  if (code === 'TAB_AS_INDENT') return 'is indented with a tab; YAML wants spaces'
  if (code === 'DUPLICATE_KEY') return 'stands twice in the same object; keep one'
  const sentence = message.replace(/\.$/, '')
  return `is not readable as YAML: ${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}; correct the text here`
}
