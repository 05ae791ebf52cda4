import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand, systemPath } from './processes.ts'

/**
 * Runs a script of ours in network, mount and process namespaces of its own and returns its exit code. There every port is
 * free, no packet can leave, system files can be replaced, and no process outlives the script. Needs root. The script's
 * standard input ends when this process does, see {@link whenCallerEnds}.
 */
export async function runInPrivateNamespace(script: string, args: readonly string[]): Promise<number> {
  return runCaged(['unshare', '--net'], script, args)
}

/**
 * The same in mount and process namespaces alone. `unshare` is the program of this name with what it may be given
 * further; before it may stand a program that runs it.
 */
export function runCaged(unshare: readonly string[], script: string, args: readonly string[]): Promise<number> {
  const [program = '', ...words] = unshare
  const isolation = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const stdio = ['pipe', 'inherit', 'inherit'] as const
  const child = spawn(program, [...words, ...isolation, process.execPath, script, ...args], { stdio: [...stdio] })
  // unshare ignores gentler signals, and the first process of a namespace gets none that it doesn't ask for.
  const kill = () => child.kill('SIGKILL')
  process.once('SIGINT', kill).once('SIGTERM', kill)
  return exitCode(child)
}

/** In a script that {@link runInPrivateNamespace} runs: calls back when the process that runs it was killed. */
export function whenCallerEnds(call: () => void): void {
  process.stdin.once('close', call).resume().unref()
}

/** Runs a script of ours again, as root, and returns its exit code; sudo asks for a password where it must. */
export async function runAsRoot(script: string, args: readonly string[]): Promise<number> {
  try {
    return await exitCode(spawn('sudo', [process.execPath, script, ...args], { stdio: 'inherit' }))
  } catch (error) {
    console.error(`This needs root, for ports below 1024 and for mounts, and sudo can't be run: ${String(error)}`)
    return 1
  }
}

async function exitCode(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'close')) as [number | null]
  return code ?? 1
}

export interface NamespaceFiles {
  /** Lines of /etc/hosts besides localhost. */
  readonly hosts: readonly string[]
  readonly nameserver: string
  /** Further lines of /etc/resolv.conf. */
  readonly resolverOptions?: readonly string[]
  /** Where the replacements of the system's files are kept. */
  readonly folder: string
}

const caBundle = '/etc/ssl/certs/ca-certificates.crt'

/** The system's CA bundle as programs in the namespace see it: some clients can be told of no other. */
export interface SystemTrust {
  add(pem: string): Promise<void>
}

/** Brings loopback up and puts our name resolution and CA bundle in place of the system's. */
export async function furnishNamespace(files: NamespaceFiles): Promise<SystemTrust> {
  await mkdir(files.folder, { recursive: true })
  await mustRun('ip', ['link', 'set', 'lo', 'up'])
  const hosts = ['127.0.0.1 localhost', '::1 localhost', ...files.hosts]
  await replace('/etc/hosts', `${hosts.join('\n')}\n`, files.folder)
  const resolver = [`nameserver ${files.nameserver}`, ...(files.resolverOptions ?? [])]
  await replace('/etc/resolv.conf', `${resolver.join('\n')}\n`, files.folder)
  // Without this, a host's own resolver daemon could be asked through its socket in the file system.
  await replace('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n', files.folder)
  const bundleFile = await replace(caBundle, await readFile(caBundle, 'utf8'), files.folder)
  return {
    async add(pem) {
      await writeFile(bundleFile, `\n${pem}\n`, { flag: 'a' })
    },
  }
}

/** Puts an empty folder in memory in place of a folder of the system. */
export async function mountTemporary(folder: string): Promise<void> {
  await mount(['-t', 'tmpfs', 'tmpfs', folder])
}

/** Mounts something, as the program of this name does it with these arguments. */
export function mount(args: readonly string[]): Promise<void> {
  return mustRun('mount', args)
}

async function replace(systemFile: string, content: string, folder: string): Promise<string> {
  const file = join(folder, systemFile.replaceAll('/', '_'))
  await writeFile(file, content)
  const exists = await access(systemFile).then(
    () => true,
    () => false,
  )
  if (exists) await mount(['--bind', file, systemFile])
  return file
}

/** Runs a program of the system that takes no time. Throws what it says when it fails. */
export async function mustRun(program: string, args: readonly string[]): Promise<void> {
  const result = await runCommand({ program, args, env: { PATH: systemPath } }, AbortSignal.timeout(10_000))
  if (result.code !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${result.output}`)
}
