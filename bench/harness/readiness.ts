import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:https'

import { waitFor, type RunningProcess } from './processes.ts'

/** Resolves when the directory is served to a client that trusts the given CA file. */
export async function waitForDirectory(server: RunningProcess, url: string, caFile: string): Promise<void> {
  let last = 'not tried'
  await waitFor(
    server,
    () => `200 from ${url} (last: ${last})`,
    async () => {
      last = existsSync(caFile) ? await statusOf(url, readFileSync(caFile)) : `no ${caFile}`
      return last === 'HTTP 200' || undefined
    },
  )
}

/** `HTTP 200`, or why there was no answer. */
function statusOf(url: string, ca: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const headers = { 'User-Agent': 'certctl-bench' }
    const outgoing = request(url, { ca, headers, agent: false, timeout: 2000 }, (incoming) => {
      incoming.resume()
      resolve(`HTTP ${incoming.statusCode}`)
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in 2 s')))
    outgoing.on('error', (error) => resolve(error.message))
    outgoing.end()
  })
}
