import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Packs a .tgz again so that the same files give the same bytes: sorted, of one time (in seconds), of user and group 0.
 * `helm package` writes its own time. Needs GNU tar.
 */
export async function settleArchive(file: string, time: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'archive-'))
  try {
    await run('tar', ['--extract', '--gzip', '--file', file, '--directory', folder])
    const settled = [
      '--sort=name',
      `--mtime=@${time}`,
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '--mode=a+rX,u+w,go-w',
    ]
    // Without the name and the time that gzip adds.
    const compressed = ['--use-compress-program', 'gzip --no-name --best', '--file', file, '--directory', folder]
    await run('tar', ['--create', ...settled, ...compressed, ...(await readdir(folder))])
  } finally {
    await rm(folder, { recursive: true })
  }
}
