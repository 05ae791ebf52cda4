import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findHierarchies, makeGroups } from './cgroups.ts'
import { requireVisible } from './furnishings.ts'

/** Joins the control groups before the first `--`, and becomes the command after it. */
const joinGroups = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'

/**
 * Waits until standard input ends, as it does with the process that started this, kills what runs in the namespaces and
 * removes folders and control groups. A process killed a moment ago may still be in its group.
 */
const cleanUp = `
cat >/dev/null
namespaces=$1 folder=$2
shift 2
kill -9 "$namespaces" 2>/dev/null
for try in $(seq 100); do
  remaining=
  for group; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    [ -d "$group" ] && remaining=yes
  done
  if [ -z "$remaining" ]; then break; fi
  sleep 0.1
done
rm -rf "$folder"
[ -z "$remaining" ]`

/**
 * Runs a script of ours as the first process of namespaces of its own (network, mounts, processes, control groups, IPC,
 * host name), where it can be a node of a cluster, and returns its exit code. It is told a folder to work in as
 * `--inside FOLDER`. Needs root; throws {@link NodeUnfit}. However this process ends, what the script has started and left ends too.
 */
export async function runInNodeNamespaces(script: string, args: readonly string[]): Promise<number> {
  const hierarchies = await findHierarchies()
  requireVisible([script, process.execPath, tmpdir()])
  const folder = await mkdtemp(join(tmpdir(), 'certctl-node-'))
  // Some of what runs there is another user and must reach its own folder below.
  await chmod(folder, 0o755)
  const groups = await makeGroups(hierarchies, `certctl-node-${process.pid}`)
  const isolation = ['-C', '-n', '-m', '-p', '-i', '-u', '--fork', '--kill-child', '--mount-proc']
  const command = ['unshare', ...isolation, process.execPath, script, ...args, '--inside', folder]
  // Its standard input ends when this process does.
  const child = spawn('/bin/sh', ['-c', joinGroups, 'sh', ...groups, '--', ...command], {
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  const cleaner = spawn('/bin/sh', ['-c', cleanUp, 'sh', String(child.pid), folder, ...groups], {
    stdio: ['pipe', 'inherit', 'inherit'],
    // So that what ends this process by the keyboard doesn't end it.
    detached: true,
  })
  const kill = () => child.kill('SIGKILL')
  process.once('SIGINT', kill).once('SIGTERM', kill)
  const code = await ended(child)
  cleaner.stdin?.end()
  if ((await ended(cleaner)) !== 0) console.error(`Some control groups could not be removed: ${groups.join(' ')}`)
  return code
}

async function ended(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'close')) as [number | null]
  return code ?? 1
}
