import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

import { hasCommand, startProcess } from '../harness/processes.ts'

/** A peer that is built from its released source. */
export interface GoPeer {
  name: string
  module: string
  version: string
}

/** Kept between runs; the folder's name holds the version. Git ignores .cache. */
export const cacheFolder = resolve(import.meta.dirname, '../../.cache/bench')

export function binaryOf(peer: GoPeer): string {
  return join(cacheFolder, `${peer.name}@${peer.version}`, peer.name)
}

/** Builds the peer unless an earlier run has. Gives the reason when it can't be had on this machine. */
export async function buildPeer(peer: GoPeer): Promise<string | undefined> {
  const binary = binaryOf(peer)
  if (existsSync(binary)) return undefined
  if (!hasCommand('go')) return `${peer.name} is built with Go, and there is no \`go\` on this machine`
  const target = `${peer.module}@${peer.version}`
  console.error(`building ${target} (minutes, this once)`)
  mkdirSync(dirname(binary), { recursive: true })
  const logFile = join(cacheFolder, `${peer.name}-build.log`)
  const build = await startProcess({
    name: `go install ${target}`,
    command: 'nice',
    args: ['-n', '10', 'go', 'install', target],
    logFile,
    core: undefined,
    env: { GOBIN: dirname(binary), CGO_ENABLED: '0' },
  })
  await build.ended
  return existsSync(binary) ? undefined : `go install ${target} failed:\n${build.logTail()}`
}
