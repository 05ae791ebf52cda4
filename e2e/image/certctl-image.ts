import { createHash } from 'node:crypto'
import { globSync } from 'node:fs'
import { cp, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { baseImages, type BaseImages } from './base-images.ts'
import { type Buildah, mustRun } from './buildah.ts'
import { npmCache } from './npm-cache.ts'

export const checkout = join(import.meta.dirname, '..', '..')

/** Everything that is copied into the build, and what says how. */
const sources = [
  'Dockerfile',
  '.dockerignore',
  '.npmrc',
  'LICENSE',
  'package.json',
  'package-lock.json',
  '{acme,ca,image,operator,store}/**',
]

/** What an image is made from and made with. */
export interface Recipe {
  /** A copy of the sources: a checkout may change while it is built and looked at. */
  readonly folder: string
  /** The commit that was checked out, and its time; '' where there is none, as in an unpacked archive. */
  readonly revision: string
  readonly created: string
  readonly bases: BaseImages
  readonly npmCache: string
}

export interface CertctlImage {
  readonly name: string
  readonly recipe: Recipe
}

/**
 * The image of this checkout, built by image/build.sh where the storage doesn't have just this one yet. `folder` is for
 * the copy of the sources. Needs a network where something is not in .cache/image yet.
 */
export async function certctlImage(
  buildah: Buildah,
  { folder, say }: { folder: string; say: (line: string) => void },
): Promise<CertctlImage> {
  const [bases, cache] = [await baseImages(buildah, say), await npmCache(say)]
  const hash = createHash('sha256').update(bases.base).update(bases.build)
  for (const path of sources.flatMap((pattern) => globSync(pattern, { cwd: checkout })).toSorted()) {
    if (!(await stat(join(checkout, path))).isFile()) continue
    await cp(join(checkout, path), join(folder, path))
    hash.update(path).update(await readFile(join(folder, path)))
  }
  const commit = await checkedOutCommit()
  const recipe = { folder, ...commit, bases, npmCache: cache }
  const name = `certctl.test/certctl:${hash.update(commit.revision).digest('hex').slice(0, 16)}`
  if (!(await buildah.has(name))) {
    await buildImage(buildah, { name, recipe, say })
    await buildah.removeOthers(name)
  }
  return { name, recipe }
}

/** Builds from scratch, without any network. */
export async function buildImage(
  buildah: Buildah,
  { name, recipe, say }: CertctlImage & { say: (line: string) => void },
): Promise<void> {
  const begun = performance.now()
  const flags = ['--isolation', 'chroot', '--pull-never', '--quiet', '--volume', `${recipe.npmCache}:/root/.npm`]
  const env = {
    ...buildah.environment,
    IMAGE: name,
    BUILD_IMAGE: recipe.bases.build,
    BASE_IMAGE: recipe.bases.base,
    BUILD_FLAGS: flags.join(' '),
    REVISION: recipe.revision,
    CREATED: recipe.created,
  }
  await mustRun('nice', ['-n', '10', join(recipe.folder, 'image', 'build.sh')], { env, seconds: 900 })
  say(`built ${name} in ${((performance.now() - begun) / 1000).toFixed(0)} s`)
}

async function checkedOutCommit(): Promise<{ revision: string; created: string }> {
  const words = ['-c', 'safe.directory=*', 'log', '-1', '--date=format-local:%Y-%m-%dT%H:%M:%SZ', '--format=%H %cd']
  const line = await mustRun('git', words, { cwd: checkout, env: { TZ: 'UTC' } }).catch(() => '')
  const [revision = '', created = ''] = line.trim().split(' ')
  return { revision, created }
}
