import assert from 'node:assert/strict'
import { lstat, readdir, readFile } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import { buildImage, checkout } from '../certctl-image.ts'
import type { ImageCase } from '../cases.ts'
import { inspectImage } from '../image-config.ts'

const largestMegabytes = 350
const program = 'opt/certctl'

interface ImageFile {
  /** From the root, without a slash before it. */
  readonly path: string
  readonly stats: Stats
}

/** Every file and folder, without those that a runtime mounts. */
async function* filesOf(root: string, folder = ''): AsyncGenerator<ImageFile> {
  for (const name of await readdir(join(root, folder))) {
    const path = join(folder, name)
    if (['dev', 'proc', 'sys', 'tmp'].includes(path)) continue
    const stats = await lstat(join(root, path))
    yield { path, stats }
    if (stats.isDirectory()) yield* filesOf(root, path)
  }
}

/** What must not be in it: why, and how to know it by its path. */
const unwanted: readonly [what: string, pattern: RegExp][] = [
  ['a shell', /(^|\/)s?bin\/(ash|bash|busybox|csh|dash|ksh|sh|zsh)$/],
  ['a package manager', /(^|\/)(npm|npx|corepack|yarn|pnpm)(-cli\.js)?$|(^|\/)bin\/(apt|apt-get|dpkg)$/],
  ['a program for fetching', /(^|\/)bin\/(curl|wget)$/],
  ['a source map', /\.map$/],
  ['a type declaration', /\.d\.[cm]?ts$/],
  ['a test', /\.(test|spec)\.[cm]?[jt]s$|(^|\/)(__tests__|tests?|testing)\//],
  ['a document', new RegExp(`^${program}/.*(?<!/(licen[cs]e|notice|copying))\\.(md|markdown)$`, 'i')],
  [
    'what only the build needs',
    new RegExp(`^${program}/(Dockerfile|image|e2e|bench|charts|package-lock\\.json|\\.npmrc)`),
  ],
  ['a key', /\.(key|p12|pfx)$/],
]

async function lookFor(root: string): Promise<{ found: string[]; count: number }> {
  const found: string[] = []
  let count = 0
  for await (const { path, stats } of filesOf(root)) {
    count += 1
    if (stats.isDirectory()) continue
    for (const [what, pattern] of unwanted) if (pattern.test(path)) found.push(`${what}: ${path}`)
  }
  return { found, count }
}

/** What is in the image, and what isn't. */
export const contentCases: readonly ImageCase[] = [
  {
    name: `the files take less than ${largestMegabytes} MB`,
    async run({ container, note }) {
      const { root } = await container()
      let bytes = 0
      for await (const { stats } of filesOf(root)) if (!stats.isDirectory()) bytes += stats.blocks * 512
      const megabytes = Math.ceil(bytes / 1e6)
      note(`${megabytes} MB`)
      assert.ok(megabytes > 100, 'it has Node')
      assert.ok(megabytes < largestMegabytes, `${megabytes} MB`)
    },
  },
  {
    name: `there is none of: ${unwanted.map(([what]) => what).join(', ')}`,
    async run({ container }) {
      const { found, count } = await lookFor((await container()).root)
      assert.ok(count > 1000, `${count} files`)
      assert.deepEqual(found.slice(0, 30), [], `${found.length} in all`)
    },
  },
  {
    name: 'the same look finds much in the image that it is built with',
    async run({ buildah, image }) {
      const { found } = await lookFor(await buildah.mount(image.recipe.bases.build))
      const kinds = new Set(found.map((line) => line.split(':', 1).join()))
      for (const kind of ['a shell', 'a package manager']) assert.ok(kinds.has(kind), `no ${kind}`)
    },
  },
  {
    name: 'there are only the packages that production needs, with their licences',
    async run({ container }) {
      const { root } = await container()
      const { dependencies, devDependencies } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as {
        dependencies: Record<string, string>
        devDependencies: Record<string, string>
      }
      const has = (name: string): Promise<boolean> =>
        lstat(join(root, program, 'node_modules', name)).then(
          () => true,
          () => false,
        )
      for (const name of Object.keys(dependencies)) assert.ok(await has(name), `${name} is missing`)
      // Types of Node are a dependency of the Kubernetes client.
      const needed = ['@types/node']
      for (const name of Object.keys(devDependencies).filter((each) => !needed.includes(each)))
        assert.ok(!(await has(name)), name)
      assert.match(await readFile(join(root, program, 'LICENSE'), 'utf8'), /Apache License/)
      assert.ok(await has('express/LICENSE'))
      assert.ok(await has(`node-linux-${process.arch}/LICENSE`))
    },
  },
  {
    name: 'nothing but the data folder is for the user to write, and no file gives rights',
    async run({ container }) {
      const { root } = await container()
      const wrong: string[] = []
      for await (const { path, stats } of filesOf(root)) {
        if (stats.isSymbolicLink()) continue
        const isForAll = path === 'var/tmp' && (stats.mode & 0o1000) !== 0
        if (isForAll) continue
        const isOthers = stats.uid !== 65532 && stats.gid !== 65532 && (stats.mode & 0o002) === 0
        if (!isOthers && path !== 'var/lib/certctl') wrong.push(`${path} can be written`)
        if (stats.isFile() && (stats.mode & 0o6000) !== 0) wrong.push(`${path} gives rights`)
        const isReadable = (stats.mode & 0o004) !== 0
        if (path.startsWith(program) && !isReadable) wrong.push(`${path} can't be read`)
      }
      assert.deepEqual(wrong.slice(0, 30), [], `${wrong.length} in all`)
      const data = await lstat(join(root, 'var/lib/certctl'))
      assert.deepEqual([data.uid, data.gid, data.mode & 0o777], [65532, 65532, 0o700])
    },
  },
  {
    name: 'building it again, from scratch, gives the same layers',
    async run({ buildah, image, note }) {
      const again = `${image.name}-again`
      await buildImage(buildah, { name: again, recipe: image.recipe, say: note })
      const [first, second] = [await inspectImage(buildah, image.name), await inspectImage(buildah, again)]
      await buildah.run(['rmi', again])
      assert.ok(first.layers.length > 1)
      assert.deepEqual(second.layers, first.layers)
      assert.deepEqual(second.config.Labels, first.config.Labels)
    },
  },
]
