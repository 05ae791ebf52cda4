import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { baseImages } from '../image/base-images.ts'
import { Buildah, mustRun } from '../image/buildah.ts'
import { certctlImage } from '../image/certctl-image.ts'
import { inherited } from '../harness/environment.ts'
import { coreDnsImage } from '../node/name-server.ts'
import { pauseImage } from '../node/containerd.ts'
import type { NodePrograms } from '../cluster/build/programs.ts'

const cacheFolder = join(import.meta.dirname, '..', '..', '.cache', 'install')
const postgresFolder = join(import.meta.dirname, 'postgres-image')

/** Images by the names that pods know them by. */
export interface ImageNames {
  /** That of this checkout. */
  readonly certctl: string
  /** The same program in another image, to be upgraded to. */
  readonly nextCertctl: string
  /** With the interface of the image that the chart takes unless told otherwise. */
  readonly postgres: string
}

/** The images with the archives they come in, and those of the node itself. */
export interface Images extends ImageNames {
  readonly archives: readonly string[]
}

/** Makes an image in the storage and returns its name. */
type Recipe = (buildah: Buildah) => Promise<string>

/** The images, made where they are not in the cache yet; says what it does. */
export async function makeImages(programs: NodePrograms, say: (line: string) => void): Promise<Images> {
  const folder = await mkdtemp(join(tmpdir(), 'certctl-images-'))
  try {
    const workshop = new Workshop(folder, say)
    await mkdir(cacheFolder, { recursive: true })
    const pause = await workshop.fromProgram(pauseImage, programs.pause)
    const coreDns = await workshop.fromProgram(coreDnsImage, programs.coreDns)
    const postgres = await workshop.postgres()
    const certctl = await workshop.certctl()
    return {
      certctl: certctl.name,
      nextCertctl: certctl.next,
      postgres: postgres.name,
      archives: [pause, coreDns, postgres.archive, ...certctl.archives],
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

class Workshop {
  readonly #folder: string
  readonly #say: (line: string) => void
  #buildah: Promise<Buildah> | undefined

  constructor(folder: string, say: (line: string) => void) {
    this.#folder = folder
    this.#say = say
  }

  /** An image with nothing in it but a static program. */
  async fromProgram(image: string, program: string): Promise<string> {
    const name = image.slice(image.lastIndexOf('/') + 1, image.lastIndexOf(':'))
    const fingerprint = createHash('sha256')
      .update(await readFile(program))
      .digest('hex')
    return this.#archive(name, fingerprint, async (buildah) => {
      const container = await buildah.run(['from', 'scratch'])
      await buildah.run(['copy', '--quiet', container, program, `/${name}`])
      await buildah.run(['config', '--entrypoint', JSON.stringify([`/${name}`]), container])
      await buildah.run(['commit', '--quiet', '--timestamp', '0', '--format', 'docker', '--rm', container, image])
      return image
    })
  }

  async postgres(): Promise<{ name: string; archive: string }> {
    const name = 'lab.local/postgres:1'
    const hash = createHash('sha256')
    for (const file of (await readdir(postgresFolder)).toSorted())
      hash.update(await readFile(join(postgresFolder, file)))
    const archive = await this.#archive('postgres', hash.digest('hex'), async (buildah) => {
      const { build } = await baseImages(buildah, this.#say)
      this.#say('installing Postgres into an image (once; a minute)')
      const [, , ...command] = buildah.command
      const args = ['--isolation', 'chroot', '--pull-never', '--squash', '--quiet', '--format', 'docker']
      // With the network of this machine: it installs Debian's packages.
      await mustRun(
        command[0] ?? '',
        [...command.slice(1), 'bud', ...args, '--build-arg', `BASE=${build}`, '-t', name, postgresFolder],
        { env: { ...inherited(), ...buildah.environment }, seconds: 900 },
      )
      return name
    })
    return { name, archive }
  }

  async certctl(): Promise<{ name: string; next: string; archives: string[] }> {
    const buildah = await this.#open()
    const { name } = await certctlImage(buildah, { folder: join(this.#folder, 'sources'), say: this.#say })
    const tag = name.slice(name.lastIndexOf(':') + 1)
    const next = `certctl.test/next:${tag}`
    const archive = await this.#archive('certctl', tag, () => Promise.resolve(name))
    const nextArchive = await this.#archive('next', tag, async () => {
      const container = await buildah.run(['from', '--pull-never', name])
      await buildah.run(['config', '--env', 'CERTCTL_E2E=next', container])
      await buildah.run(['commit', '--quiet', '--format', 'docker', '--rm', container, next])
      return next
    })
    return { name, next, archives: [archive, nextArchive] }
  }

  /** The archive of an image, made where the cache doesn't have it. */
  async #archive(name: string, fingerprint: string, make: Recipe): Promise<string> {
    const file = join(cacheFolder, `${name}-${fingerprint.slice(0, 16)}.tar`)
    if (existsSync(file)) return file
    const buildah = await this.#open()
    const image = await make(buildah)
    const unfinished = join(this.#folder, `${name}.tar`)
    await buildah.run(['push', '--quiet', image, `docker-archive:${unfinished}:${image}`], 300)
    for (const other of await readdir(cacheFolder)) {
      if (other.startsWith(`${name}-`)) await rm(join(cacheFolder, other))
    }
    const complete = `${file}.${process.pid}`
    await copyFile(unfinished, complete)
    await rename(complete, file)
    return file
  }

  #open(): Promise<Buildah> {
    this.#buildah ??= Buildah.open(this.#folder)
    return this.#buildah
  }
}
