import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import type { Socket } from 'node:net'
import { ValidationFailure } from './challenge.ts'

export interface HttpQuestion {
  /** Connected, and the exchange's from here on: it is destroyed when the answer is there. */
  readonly socket: Socket
  readonly hostHeader: string
  readonly path: string
  /** The server in a problem's words. */
  readonly server: string
  readonly signal: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly location: string | undefined
  /** Of a 200 only; as sent, whatever its Content-Encoding. */
  readonly body: Buffer
}

const MAX_HEADER_BYTES = 8 * 1024
const MAX_BODY_BYTES = 64 * 1024
const MAX_INFORMATIONAL_RESPONSES = 4

/**
 * One GET with everything bounded: headers, body, 1xx responses; time is bounded by the signal.
 * Rejects with a ValidationFailure, or with the signal's reason once that is aborted.
 */
export async function exchange(question: HttpQuestion): Promise<HttpAnswer> {
  const { socket, signal, server } = question
  try {
    signal.throwIfAborted()
    const response = await responseTo(send(question), server)
    const status = response.statusCode ?? 0
    const body = status === 200 ? await bodyOf(response, server) : Buffer.alloc(0)
    return { status, location: response.headers.location, body }
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof ValidationFailure ? error : failureFor(error, server)
  } finally {
    socket.destroy()
  }
}

function send({ socket, hostHeader, path, signal }: HttpQuestion): ClientRequest {
  // With createConnection and no agent, neither a pool nor a proxy setting takes part.
  const request = httpRequest({
    createConnection: () => socket,
    path,
    headers: {
      Host: hostHeader,
      'User-Agent': 'certctl ACME validation',
      Accept: '*/*',
      'Accept-Encoding': 'identity',
      Connection: 'close',
    },
    maxHeaderSize: MAX_HEADER_BYTES,
    signal,
  })
  request.end()
  return request
}

function responseTo(request: ClientRequest, server: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let informational = 0
    request.on('information', () => {
      informational += 1
      if (informational <= MAX_INFORMATIONAL_RESPONSES) return
      request.destroy(new ValidationFailure('incorrectResponse', `${server} sent too many 1xx responses.`))
    })
    request.on('upgrade', resolve)
    request.on('response', resolve)
    request.on('error', reject)
    request.on('close', () => reject(new Error('closed without a response')))
  })
}

async function bodyOf(response: IncomingMessage, server: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_BODY_BYTES) {
      throw new ValidationFailure('incorrectResponse', `${server} sent a body of more than ${MAX_BODY_BYTES} bytes.`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function failureFor(error: unknown, server: string): ValidationFailure {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (code === 'HPE_HEADER_OVERFLOW') {
    const detail = `${server} sent headers of more than ${MAX_HEADER_BYTES} bytes.`
    return new ValidationFailure('incorrectResponse', detail, { cause: error })
  }
  if (code.startsWith('HPE_')) {
    return new ValidationFailure('incorrectResponse', `${server} did not answer in HTTP/1.1.`, { cause: error })
  }
  const detail = `${server} closed the connection before its response was complete.`
  return new ValidationFailure('connection', detail, { cause: error })
}
