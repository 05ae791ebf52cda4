import { existsSync } from 'node:fs'
import { mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand, shellWords, systemPath } from '../harness/processes.ts'

const checkout = join(import.meta.dirname, '..', '..')

/** What is worth keeping from one run to the next. */
export const cacheFolder = join(checkout, '.cache', 'image')

/** Something that the test needs is not on this machine; the message says what to do. */
export class ToolMissing extends Error {}

/** The whole path of a program. Throws {@link ToolMissing}. */
export function findTool(name: string): string {
  const files = systemPath.split(':').map((folder) => join(folder, name))
  const found = files.find((file) => existsSync(file))
  if (found === undefined) throw new ToolMissing(`${name} is not installed; run e2e/install-image-tools.sh`)
  return found
}

export interface CommandPlace {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly seconds?: number
}

/** Runs a command to its end and returns what it wrote to standard output; throws with all it wrote when it fails. */
export async function mustRun(program: string, args: readonly string[], place: CommandPlace = {}): Promise<string> {
  const env = { PATH: systemPath, LC_ALL: 'C', ...place.env }
  const command = { program, args, env, ...(place.cwd !== undefined && { cwd: place.cwd }) }
  const result = await runCommand(command, AbortSignal.timeout((place.seconds ?? 60) * 1000))
  if (result.code !== 0) throw new Error(`${shellWords(command)} failed (${result.code}):\n${result.output}`)
  return result.stdout
}

/** buildah with images of its own, below .cache/image, and without any network. */
export class Buildah {
  readonly #options: readonly string[]
  readonly #env: Readonly<Record<string, string>>
  readonly #containers: string[] = []

  private constructor(options: readonly string[], folder: string) {
    this.#options = options
    this.#env = { HOME: folder, TMPDIR: folder }
  }

  /** `folder` is for temporary files. */
  static async open(folder: string): Promise<Buildah> {
    const root = join(cacheFolder, 'storage')
    await mkdir(root, { recursive: true })
    const options = ['--root', root, '--runroot', join(folder, 'buildah'), '--storage-driver', await driverFor(root)]
    return new Buildah(options, folder)
  }

  /** The command as words. */
  get command(): readonly string[] {
    return ['unshare', '--net', 'buildah', ...this.#options]
  }

  /** What it runs with, for scripts that run {@link command}. */
  get environment(): Readonly<Record<string, string>> {
    return { ...this.#env, BUILDER: this.command.join(' ') }
  }

  async run(args: readonly string[], seconds = 120): Promise<string> {
    const [program = '', ...words] = [...this.command, ...args]
    return (await mustRun(program, words, { env: this.#env, seconds })).trim()
  }

  async has(image: string): Promise<boolean> {
    const names = await this.run(['images', '--format', '{{.Name}}:{{.Tag}}'])
    return names.split('\n').includes(image)
  }

  /** A folder with the files of an image, to be changed at will; gone after {@link close}. */
  async mount(image: string): Promise<string> {
    const container = await this.run(['from', '--pull-never', image])
    this.#containers.push(container)
    return this.run(['mount', container])
  }

  /** Removes what {@link mount} made. Other runs may use the same images at the same time. */
  async close(): Promise<void> {
    for (const container of this.#containers.splice(0)) await this.run(['rm', container])
  }

  /** Makes an image of one layer from a folder that looks like a root. */
  async importRoot(root: string, image: string): Promise<void> {
    const container = await this.run(['from', 'scratch'])
    await this.run(['copy', '--quiet', container, root, '/'], 300)
    await this.run(['config', '--env', `PATH=${systemPath}`, container])
    await this.run(['commit', '--quiet', '--timestamp', '0', '--format', 'docker', '--rm', container, image], 300)
    await this.removeOthers(image)
  }

  /** Removes what has the same name and another tag, images of earlier versions, unless another run is using it. */
  async removeOthers(image: string): Promise<void> {
    const name = image.slice(0, image.lastIndexOf(':') + 1)
    const all = (await this.run(['images', '--format', '{{.Name}}:{{.Tag}}'])).split('\n')
    for (const other of all.filter((each) => each.startsWith(name) && each !== image)) {
      await this.run(['rmi', other]).catch(() => undefined)
    }
  }
}

/** Overlays don't lie on overlays, which is what the root of a container often is. */
async function driverFor(folder: string): Promise<'overlay' | 'vfs'> {
  const overlayfs = 0x794c7630
  return (await statfs(folder)).type === overlayfs ? 'vfs' : 'overlay'
}
