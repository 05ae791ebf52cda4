import { request } from 'node:https'
import { readAcmeListener, SettingsError } from './config.ts'
import type { ListenAddress } from './setting-kinds.ts'

/** Shorter than an orchestrator waits for the command, so that the reason is told and not only that time ran out. */
const longestAnswerMs = 3_000

/**
 * `certctl health`: asks /health of the ACME listener that the settings name, over HTTPS. 0 where it answers 200, else
 * 1 with the reason. Runs beside the server, with the same environment; nothing but CERTCTL_LISTEN_ACME matters.
 */
export async function checkHealth(): Promise<0 | 1> {
  try {
    const url = healthUrl(readAcmeListener())
    const status = await statusOf(url)
    if (status === 200) return 0
    return unhealthy(`${url} answers ${status} and not 200`)
  } catch (error) {
    if (error instanceof SettingsError || error instanceof Unhealthy) return unhealthy(error.message)
    throw error
  }
}

/** The listener could not be asked, in words for the person who reads the health log. */
class Unhealthy extends Error {
  override readonly name = 'Unhealthy'
}

/** A listener on every address is asked on loopback. */
function healthUrl({ host, port }: ListenAddress): string {
  if (port === 0) throw new Unhealthy('CERTCTL_LISTEN_ACME leaves the port to chance; name one to have it checked')
  const reachable = host === undefined || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return new URL(`https://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}/health`).href
}

/** The status of the answer. Throws Unhealthy where there is none. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (reason: string): void => reject(new Unhealthy(`${url} does not answer: ${reason}`))
    // Whose certificate it is doesn't matter: the question is asked of this machine, and holds no secret.
    const get = request(url, { agent: false, rejectUnauthorized: false }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    const timer = setTimeout(() => {
      failed(`nothing came within ${longestAnswerMs / 1000} s`)
      get.destroy()
    }, longestAnswerMs)
    get.on('error', (error) => failed('code' in error ? String(error.code) : error.message))
    get.on('close', () => clearTimeout(timer))
    get.end()
  })
}

function unhealthy(reason: string): 1 {
  process.stderr.write(`unhealthy: ${reason}\n`)
  return 1
}
