import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Buildah, mustRun } from './buildah.ts'
import { inherited } from '../harness/environment.ts'

/** Images that stand in for those of a registry. */
export interface BaseImages {
  /** Debian with Node, npm and strip, to build with. */
  readonly build: string
  /** The C and C++ libraries and next to nothing else: no shell, no package manager. */
  readonly base: string
}

const suite = 'bookworm'

/** Beside what every Debian has: strip, and a library of Node's. */
const buildPackages = ['binutils', 'libatomic1']

/** Debian's packages of which the base is made. */
const basePackages = ['base-files', 'gcc-12-base', 'libc6', 'libgcc-s1', 'libstdc++6', 'tzdata']

/** Not what programs run or lawyers read. */
const leftOut = /^usr\/share\/(doc\/.*\/(changelog|NEWS|README|TODO)|info\/|lintian\/|locale\/|man\/)/

const mirror = 'http://deb.debian.org/debian'
const mirrorFiles = ['/etc/apt/sources.list', '/etc/apt/sources.list.d']

/** The images, made by debootstrap where the storage doesn't have them yet: a minute, and later nothing. */
export async function baseImages(buildah: Buildah, say: (line: string) => void): Promise<BaseImages> {
  const tag = await fingerprint()
  const images = { build: `certctl.test/build:${tag}`, base: `certctl.test/base:${tag}` }
  if ((await buildah.has(images.build)) && (await buildah.has(images.base))) return images
  const folder = await mkdtemp(join(tmpdir(), 'certctl-debian-'))
  // Containers run as other users.
  await chmod(folder, 0o755)
  try {
    say(`making a ${suite} root with debootstrap (once; a minute)`)
    const root = join(folder, 'root')
    const packages = `--include=${buildPackages.join(',')}`
    const args = ['--variant=minbase', packages, suite, root, await usualMirror()]
    await mustRun('nice', ['-n', '10', 'debootstrap', ...args], { env: inherited(), seconds: 900 })
    await rm(join(root, 'var', 'cache', 'apt', 'archives'), { recursive: true })
    const base = await stripToLibraries(root, join(folder, 'base'))
    await buildah.importRoot(base, images.base)
    await installNode(root)
    await buildah.importRoot(root, images.build)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return images
}

/** Changes with everything that decides what is in the images, but for Debian's point releases. */
async function fingerprint(): Promise<string> {
  const npmVersion = await readFile(join(await npmFolder(), 'package.json'), 'utf8')
  const self = await readFile(import.meta.filename)
  return createHash('sha256').update(self).update(process.version).update(npmVersion).digest('hex').slice(0, 16)
}

/** The mirror that this machine uses for Debian itself. */
async function usualMirror(): Promise<string> {
  const files: string[] = []
  for (const path of mirrorFiles.filter((each) => existsSync(each))) {
    if (path.endsWith('.list')) files.push(path)
    else files.push(...(await readdir(path)).map((name) => join(path, name)))
  }
  for (const file of files) {
    const found = /^(?:URIs:|deb)\s.*?(https?:\/\/\S+\/debian)\/?(?:\s|$)/m.exec(await readFile(file, 'utf8'))
    if (found?.[1] !== undefined) return found[1]
  }
  return mirror
}

/** Copies the files of some packages, which is all that a program without a shell needs. */
async function stripToLibraries(root: string, base: string): Promise<string> {
  const info = join(root, 'var', 'lib', 'dpkg', 'info')
  const lists = (await readdir(info)).filter(
    (name) => name.endsWith('.list') && basePackages.includes(name.slice(0, -'.list'.length).replace(/:.*$/, '')),
  )
  if (lists.length !== basePackages.length) throw new Error(`${suite} has only ${lists.join(', ')}`)
  const paths = (await Promise.all(lists.map((name) => readFile(join(info, name), 'utf8')))).join('').split('\n')
  const files = paths
    .map((path) => path.slice(1).replace(/^(bin|lib|lib32|lib64|libx32|sbin)\//, 'usr/$1/'))
    .filter((path) => path !== '' && path !== '.' && !leftOut.test(path))
  await mkdir(base)
  await writeFile(`${base}.files`, `${[...new Set(files)].toSorted().join('\n')}\n`)
  const archive = `${base}.tar`
  await mustRun('tar', ['-C', root, '--no-recursion', '-cf', archive, '-T', `${base}.files`])
  await mustRun('tar', ['-C', base, '-xpf', archive])
  // base-files has these in its script and not in its list.
  await mkdir(join(base, 'dev'), { recursive: true })
  await writeFile(
    join(base, 'etc', 'passwd'),
    'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n',
  )
  await writeFile(join(base, 'etc', 'group'), 'root:x:0:\nnonroot:x:65532:\n')
  await writeFile(join(base, 'etc', 'nsswitch.conf'), 'hosts: files dns\n')
  return base
}

/** The running Node and the npm of this machine. Nothing may be fetched with it: see npm-cache.ts. */
async function installNode(root: string): Promise<void> {
  const usrLocal = join(root, 'usr', 'local')
  await cp(process.execPath, join(usrLocal, 'bin', 'node'))
  await cp(await npmFolder(), join(usrLocal, 'lib', 'node_modules', 'npm'), { recursive: true })
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(usrLocal, 'bin', 'npm'))
  const registry = (await mustRun('npm', ['config', 'get', 'registry'], { env: inherited() })).trim()
  await mkdir(join(usrLocal, 'etc'), { recursive: true })
  await writeFile(join(usrLocal, 'etc', 'npmrc'), `offline=true\nregistry=${registry}\n`)
}

async function npmFolder(): Promise<string> {
  const folder = (process.env['PATH'] ?? '').split(':').find((each) => existsSync(join(each, 'npm')))
  if (folder === undefined) throw new Error('npm is not on the PATH')
  return dirname(dirname(await realpath(join(folder, 'npm'))))
}
