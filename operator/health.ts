import type { IncomingMessage, ServerResponse } from 'node:http'

/** What /ready looks at. */
export interface Readiness {
  /** Why the process can't serve now, in words for the person who asks; undefined while it can. */
  reasonNotReady(): Promise<string | undefined>
}

/**
 * Answers /health and /ready and nothing else; false where the request is for somebody else. Health says that the
 * process lives and never asks the database: a restart would not bring the database back.
 */
export function answerProbe(request: IncomingMessage, response: ServerResponse, readiness: Readiness): boolean {
  const path = request.url?.split('?', 1)[0]
  if (path !== '/health' && path !== '/ready') return false
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD')
    answer(response, 405, 'use GET')
  } else if (path === '/health') answer(response, 200, 'alive')
  else void answerReady(response, readiness)
  return true
}

async function answerReady(response: ServerResponse, readiness: Readiness): Promise<void> {
  const reason = await readiness.reasonNotReady()
  answer(response, reason === undefined ? 200 : 503, reason ?? 'ready')
}

function answer(response: ServerResponse, status: number, words: string): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.setHeader('Cache-Control', 'no-store')
  response.end(`${words}\n`)
}

/** Answers of a check that are at most `maxAgeMs` old; all that ask meanwhile wait for the same one. */
export function remembered<T>(check: () => Promise<T>, maxAgeMs: number): () => Promise<T> {
  let latest: { readonly startedMs: number; readonly answer: Promise<T> } | undefined
  return () => {
    const now = performance.now()
    if (latest === undefined || now - latest.startedMs > maxAgeMs) latest = { startedMs: now, answer: check() }
    return latest.answer
  }
}
