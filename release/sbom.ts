import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The part of a lock file, and of package.json, that says what is for development alone. */
interface LockFile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devDependencies?: unknown }>>
}

/** The parts of a CycloneDX document that npm makes up anew each time. */
interface CycloneDx {
  serialNumber?: string
  readonly metadata: { timestamp?: string; readonly component: { name?: string; type?: string } }
  readonly components: readonly { readonly name: string; readonly version: string }[]
}

/**
 * What `npm sbom` says of the packages that `npm ci --omit=dev` installs in a folder with a lock file. It needs no network
 * and no installed packages. `npm sbom --omit=dev` won't do: it leaves out whatever a package for development depends on
 * too, as pg.
 */
export async function productionSbom(folder: string): Promise<string> {
  const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), 'utf8'))
  const temporary = await mkdtemp(join(tmpdir(), 'certctl-sbom-'))
  try {
    const write = (name: string, content: unknown): Promise<void> =>
      writeFile(join(temporary, name), JSON.stringify(content))
    await write('package.json', withoutDevDependencies((await read('package.json')) as object))
    await write('package-lock.json', productionLock((await read('package-lock.json')) as LockFile))
    const words = ['sbom', '--package-lock-only', '--offline', '--sbom-format=cyclonedx']
    return (await run('npm', words, { cwd: temporary, maxBuffer: 64 * 1024 * 1024 })).stdout
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** What is for development or else optional (devOptional) is installed, and stays. */
function productionLock(lock: LockFile): LockFile {
  const packages = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true)
  return { ...lock, packages: Object.fromEntries(packages.map(([path, each]) => [path, withoutDevDependencies(each)])) }
}

function withoutDevDependencies<T extends object>(manifest: T): T {
  return { ...manifest, devDependencies: undefined }
}

/**
 * What `npm sbom` prints, so that the same lock file gives the same document: its number follows from its content, its
 * time is that of the release, and it has the name of the package and not of the folder that it was made in.
 */
export function settleSbom(text: string, release: { name: string; created: string }): string {
  const document = JSON.parse(text) as CycloneDx
  document.metadata.timestamp = release.created
  document.metadata.component.name = release.name
  document.metadata.component.type = 'application'
  delete document.serialNumber
  const hash = createHash('sha256').update(JSON.stringify(document)).digest('hex')
  // A UUID of version 8: its bits are what its maker wants (RFC 9562, section 5.8).
  const parts = [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ]
  document.serialNumber = `urn:uuid:${parts.join('-')}`
  return `${JSON.stringify(document, undefined, 2)}\n`
}
