import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { objectTitle } from './manifest.ts'
import type { Manifest, Mistake, Place } from './manifest.ts'
import { parseManifests } from './parse.ts'

/** Everything that a folder of manifests says at one moment. */
export interface Snapshot {
  readonly manifests: readonly Manifest[]
  /** Objects that stand more than once: which of them is meant can't be told, so none is in `manifests`. */
  readonly ambiguous: readonly Manifest[]
  readonly mistakes: readonly Mistake[]
  /** False while some text can't be read: an object that is missing may be hidden there, and must not be retired. */
  readonly complete: boolean
  readonly ignored: readonly string[]
}

const largestFile = 4 * 1024 * 1024

/** Reads every `*.yaml`, `*.yml` and `*.json` directly in the folder. Throws only when the folder itself can't be read. */
export async function readManifests(folder: string, options: { defaultNamespace: string }): Promise<Snapshot> {
  const names = (await manifestNames(folder)).toSorted()
  const files = await Promise.all(
    names.map(async (name) => {
      const file = join(folder, name)
      const text = await readText(file)
      return typeof text === 'string' ? parseManifests(file, text, options) : unreadable(file, text.reason)
    }),
  )
  const manifests = files.flatMap((file) => file.manifests)
  const byTitle = Map.groupBy(manifests, objectTitle)
  const ambiguous = [...byTitle.values()].filter((same) => same.length > 1).flat()
  return {
    manifests: manifests.filter((manifest) => !ambiguous.includes(manifest)),
    ambiguous,
    mistakes: [...files.flatMap((file) => file.mistakes), ...ambiguous.map((one) => duplicate(one, ambiguous))],
    complete: files.every((file) => file.complete),
    ignored: files.flatMap((file) => file.ignored),
  }
}

/** Changes whenever a manifest does, as far as the file system tells; cheap enough to ask every few seconds. */
export async function folderFingerprint(folder: string): Promise<string> {
  const names = (await manifestNames(folder)).toSorted()
  const facts = await Promise.all(
    names.map(async (name) => {
      const facts = await stat(join(folder, name)).catch(() => undefined)
      return `${name} ${facts?.ino} ${facts?.size} ${facts?.mtimeMs}`
    }),
  )
  return facts.join('\n')
}

/** Files whose name begins with a dot are left alone: editors and volume mounts keep theirs there. */
async function manifestNames(folder: string): Promise<string[]> {
  const names = await readdir(folder)
  return names.filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name))
}

async function readText(file: string): Promise<string | { reason: string }> {
  try {
    const { size } = await stat(file)
    if (size > largestFile) return { reason: `is larger than ${largestFile / 1024 / 1024} MiB; split it` }
    return await readFile(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return { reason: `can't be read (${code}); make it readable for this process` }
  }
}

function unreadable(file: string, message: string): ReturnType<typeof parseManifests> {
  return { manifests: [], mistakes: [{ place: { file, line: 1, column: 1 }, message }], complete: false, ignored: [] }
}

function duplicate(one: Manifest, all: readonly Manifest[]): Mistake {
  const others = all.filter((other) => other !== one && objectTitle(other) === objectTitle(one))
  const places = others.map(({ place }) => placeWords(place)).join(' and ')
  return { place: one.place, object: objectTitle(one), message: `stands in ${places} too; keep one` }
}

function placeWords({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`
}
