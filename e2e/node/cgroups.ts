import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { mount, mountTemporary } from '../harness/namespace.ts'
import { NodeUnfit } from './unfit.ts'

/** A hierarchy of control groups, version 1, as the machine has it mounted. */
export interface Hierarchy {
  readonly mountPoint: string
  /** What it is mounted with, such as `cpu,cpuacct` or `name=systemd`. */
  readonly options: string
}

const needed = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids']
const root = '/sys/fs/cgroup'

/** The hierarchies that are mounted here. Throws {@link NodeUnfit}. */
export async function findHierarchies(): Promise<Hierarchy[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).trimEnd().split('\n')
  const hierarchies = lines.flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ')
    const [type, , options = ''] = right.split(' ')
    if (type !== 'cgroup') return []
    const words = options.split(',').filter((word) => word !== 'rw' && word !== 'xattr')
    return [{ mountPoint: left.split(' ')[4] ?? '', options: words.join() }]
  })
  const missing = needed.filter((name) => !hierarchies.some(({ options }) => options.split(',').includes(name)))
  if (missing.length > 0) {
    throw new NodeUnfit(
      `This machine has no control groups of version 1 for ${missing.join(', ')}, which this node is built on. ` +
        'Where Docker and kind are, `make e2e-kind` runs the same cases.',
    )
  }
  return hierarchies
}

/** Makes a group of this name in every hierarchy, and returns the folders. */
export async function makeGroups(hierarchies: readonly Hierarchy[], name: string): Promise<string[]> {
  const folders: string[] = []
  for (const { mountPoint, options } of hierarchies) {
    const folder = join(mountPoint, name)
    await mkdir(folder)
    folders.push(folder)
    if (!options.split(',').includes('cpuset')) continue
    // A group without processors and memory takes no process, nor do those below it.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      await writeFile(join(folder, file), await readFile(join(mountPoint, file), 'utf8'))
    }
    await writeFile(join(folder, 'cgroup.clone_children'), '1')
  }
  return folders
}

/**
 * Within namespaces for control groups, mounts and the network: mounts the hierarchies again, which shows of them what
 * lies below the own group.
 */
export async function mountHierarchies(hierarchies: readonly Hierarchy[]): Promise<void> {
  await mount(['-t', 'sysfs', 'sysfs', '/sys'])
  await mountTemporary(root)
  for (const { mountPoint, options } of hierarchies) {
    const name = basename(mountPoint)
    await mkdir(join(root, name))
    const named = options.startsWith('name=') ? `none,${options}` : options
    await mount(['-t', 'cgroup', '-o', named, 'cgroup', join(root, name)])
    for (const controller of options.split(',')) {
      if (controller !== name && !controller.includes('=')) await symlink(name, join(root, controller))
    }
  }
}
