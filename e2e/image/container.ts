import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Command, type CommandResult, runCommand, Service } from '../harness/processes.ts'
import { type Buildah, findTool, mustRun } from './buildah.ts'
import { type ImageFacts, inspectImage } from './image-config.ts'
import { FirstProcess } from './first-process.ts'

/** What a container sees in place of a folder of its image. */
export interface Volume {
  /** A folder of this machine. */
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
}

export interface ContainerOptions {
  readonly volumes?: readonly Volume[]
  readonly env?: Readonly<Record<string, string>>
}

const devices = { null: 3, zero: 5, full: 7, random: 8, urandom: 9 } as const

/**
 * An image's files, mounted read-only, to run commands in as an orchestrator would: with the image's user, environment
 * and command, no capability and no way to get one, /tmp in memory and nothing else to write to but the volumes. The
 * network is that of the namespaces that the test runs in, and the mounts last as long as they do.
 */
export class Container {
  /** Where the files are. */
  readonly root: string
  readonly image: ImageFacts
  readonly #env: Readonly<Record<string, string>>

  private constructor(root: string, image: ImageFacts, env: Readonly<Record<string, string>>) {
    this.root = root
    this.image = image
    this.#env = env
  }

  /** Mounts the image at `root`. */
  static async create(from: { buildah: Buildah; image: string; root: string }, options: ContainerOptions = {}) {
    const { buildah, root } = from
    const image = await inspectImage(buildah, from.image)
    const files = await buildah.mount(from.image)
    const volumes = options.volumes ?? []
    // As runtimes do, so that there is something to mount on.
    for (const { target } of volumes) await mkdir(join(files, target), { recursive: true })
    await mkdir(root, { recursive: true })
    await mustRun('mount', ['--bind', files, root])
    await makeReadOnly(root)
    await mustRun('mount', ['-t', 'proc', '-o', 'nosuid,nodev,noexec', 'proc', join(root, 'proc')])
    await mustRun('mount', ['-t', 'tmpfs', '-o', 'mode=1777,nosuid,nodev', 'tmpfs', join(root, 'tmp')])
    await furnishDevices(join(root, 'dev'))
    for (const { source, target, readOnly } of volumes) {
      await mustRun('mount', ['--bind', source, join(root, target)])
      if (readOnly) await makeReadOnly(join(root, target))
    }
    const own = image.config.Env.map((line): [string, string] => {
      const end = line.indexOf('=')
      return [line.slice(0, end), line.slice(end + 1)]
    })
    return new Container(root, image, { ...Object.fromEntries(own), ...options.env })
  }

  /** Starts the image's entrypoint with these words, by default its own, as the first process of a namespace. */
  async start(words: readonly string[] = this.image.config.Cmd): Promise<FirstProcess> {
    const namespace = ['--pid', '--fork', '--kill-child']
    const command = this.#command([...this.image.config.Entrypoint, ...words], { namespace })
    return FirstProcess.of(new Service(command))
  }

  /** Runs the entrypoint with these words to its end. */
  run(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
    const command = this.#command([...this.image.config.Entrypoint, ...words], { env })
    return runCommand(command, AbortSignal.timeout(60_000))
  }

  /** Runs a program in it, whatever the image's entrypoint is. */
  runProgram(words: readonly string[]): Promise<CommandResult> {
    return runCommand(this.#command(words), AbortSignal.timeout(60_000))
  }

  /** Runs the image's health check once, as Docker does every now and then: its command, for as long as it may take. */
  async checkHealth(): Promise<{ healthy: boolean; output: string }> {
    const check = this.image.config.Healthcheck
    const [kind, ...words] = check?.Test ?? []
    if (check === undefined || kind !== 'CMD') throw new Error(`no command without a shell: ${JSON.stringify(check)}`)
    const { code, output } = await runCommand(this.#command(words), AbortSignal.timeout(check.Timeout / 1e6))
    return { healthy: code === 0, output }
  }

  #command(
    words: readonly string[],
    { namespace = [], env = {} }: { namespace?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
  ): Command {
    const { User, WorkingDir } = this.image.config
    const [uid = '', gid = ''] = User.split(':')
    const place = ['--root', this.root, '--wd', WorkingDir, '--setuid', uid, '--setgid', gid]
    return {
      program: findTool('setpriv'),
      args: ['--no-new-privs', findTool('unshare'), ...namespace, ...place, ...words],
      env: { ...this.#env, ...env },
    }
  }
}

async function makeReadOnly(mountPoint: string): Promise<void> {
  await mustRun('mount', ['-o', 'remount,bind,ro', mountPoint])
}

async function furnishDevices(folder: string): Promise<void> {
  await mustRun('mount', ['-t', 'tmpfs', '-o', 'mode=755,nosuid', 'tmpfs', folder])
  for (const [name, minor] of Object.entries(devices)) {
    await mustRun('mknod', ['-m', '666', join(folder, name), 'c', '1', String(minor)])
  }
  await makeReadOnly(folder)
}
