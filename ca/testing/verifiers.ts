import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { accessSync, constants } from 'node:fs'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Programs that are not ours, and the Debian packages they come in. */
const packages = { openssl: 'openssl', certtool: 'gnutls-bin', certutil: 'libnss3-tools', vfychain: 'libnss3-tools' }
export type Tool = keyof typeof packages

/** Whether the test can go on: without the tools it is skipped, or fails where CI_REQUIRE_TOOLS=1 says that they must be there. */
export function haveTools(t: TestContext, ...tools: Tool[]): boolean {
  const missing = tools.find((tool) => !isInstalled(tool))
  if (missing === undefined) return true
  const reason = `${missing} is not installed: apt-get install ${packages[missing]}`
  if (process.env['CI_REQUIRE_TOOLS'] === '1') throw new Error(reason)
  t.skip(reason)
  return false
}

function isInstalled(tool: Tool): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** A folder that goes when the test ends. */
export async function scratchFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ca-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Standard output of a program; throws with all it printed where it fails. */
export async function tool(name: Tool, ...args: string[]): Promise<string> {
  const { stdout } = await run(name, args).catch((error: { stdout?: string; stderr?: string }) => {
    throw new Error(`${name} ${args.join(' ')}\n${error.stdout ?? ''}${error.stderr ?? ''}`, { cause: error })
  })
  return stdout
}

/** A chain as a client gets it, and a name and purpose to verify it for. */
export interface PresentedChain {
  readonly leafPem: string
  readonly chainPem: string
  readonly rootPem: string
  readonly hostname?: string | undefined
  readonly ip?: string | undefined
}

export const verifiers = { openssl: verifyWithOpenssl, certtool: verifyWithGnutls, vfychain: verifyWithNss } as const

/** OpenSSL with -x509_strict, as a TLS client. */
async function verifyWithOpenssl(folder: string, chain: PresentedChain): Promise<void> {
  const files = await writeChain(folder, chain)
  await tool(
    'openssl',
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    ...(chain.hostname === undefined ? [] : ['-verify_hostname', chain.hostname]),
    ...(chain.ip === undefined ? [] : ['-verify_ip', chain.ip]),
    '-CAfile',
    files.root,
    ...(chain.chainPem === '' ? [] : ['-untrusted', files.chain]),
    files.leaf,
  )
}

async function verifyWithGnutls(folder: string, chain: PresentedChain): Promise<void> {
  const files = await writeChain(folder, chain)
  await tool(
    'certtool',
    '--verify',
    '--verify-profile',
    'medium',
    '--load-ca-certificate',
    files.root,
    '--verify-purpose',
    '1.3.6.1.5.5.7.3.1',
    ...(chain.hostname === undefined ? [] : ['--verify-hostname', chain.hostname]),
    '--infile',
    files.presented,
  )
}

/** NSS with libpkix; names are not its business. */
async function verifyWithNss(folder: string, chain: PresentedChain): Promise<void> {
  const files = await writeChain(folder, chain)
  const database = `sql:${folder}`
  await tool('certutil', '-N', '-d', database, '--empty-password')
  await tool('certutil', '-A', '-d', database, '-n', 'root', '-t', 'C,,', '-a', '-i', files.root)
  const intermediate = chain.chainPem === '' ? [] : ['-a', files.chain]
  await tool('vfychain', '-d', database, '-pp', '-u', '1', '-a', files.leaf, ...intermediate)
}

async function writeChain(folder: string, chain: PresentedChain) {
  const files = {
    leaf: join(folder, 'leaf.pem'),
    chain: join(folder, 'chain.pem'),
    root: join(folder, 'root.pem'),
    presented: join(folder, 'presented.pem'),
  }
  await Promise.all([
    writeFile(files.leaf, chain.leafPem),
    writeFile(files.chain, chain.chainPem),
    writeFile(files.root, chain.rootPem),
    writeFile(files.presented, chain.leafPem + chain.chainPem),
  ])
  return files
}
