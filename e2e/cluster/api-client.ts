import { Agent, request as httpsRequest } from 'node:https'
import type { Kind, KubeObject, Listed } from './kinds.ts'

/** Who talks to the API server. */
export interface Credentials {
  readonly url: string
  readonly ca: string
  /** A client certificate with its key, or a bearer token. */
  readonly identity: { readonly certificate: string; readonly key: string } | { readonly token: string }
}

/** The API server refused; `message` is its own. */
export class ApiError extends Error {
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly contentType?: string
  /** A string goes as it is, anything else as JSON. */
  readonly body?: unknown
  /** Called with the text of each Warning header of the answer. */
  readonly onWarning?: (text: string) => void
}

const requestMilliseconds = 15_000

/** A client of the API server for one identity. */
export class ApiClient {
  readonly #credentials: Credentials
  readonly #agent: Agent

  constructor(credentials: Credentials) {
    const { identity } = credentials
    this.#credentials = credentials
    this.#agent = new Agent({
      keepAlive: true,
      ca: credentials.ca,
      ...('token' in identity ? {} : { cert: identity.certificate, key: identity.key }),
    })
  }

  /** The object, or undefined where there is none. */
  async get<T extends KubeObject>(kind: Kind<T>, name: string, namespace?: string): Promise<T | undefined> {
    try {
      return (await this.request(pathOf(kind, namespace, name))) as T
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    }
  }

  /** The objects of a namespace, or of all. */
  async list<T extends KubeObject>(kind: Kind<T>, namespace?: string, labelSelector?: string): Promise<T[]> {
    const query = labelSelector === undefined ? '' : `?labelSelector=${encodeURIComponent(labelSelector)}`
    const { items } = (await this.request(pathOf(kind, namespace) + query)) as Listed<T>
    return items
  }

  /** Makes the object; what it has of unknown or doubled fields is refused, not dropped. */
  async create<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const path = `${pathOf(kind, object.metadata.namespace)}?fieldValidation=Strict`
    return (await this.request(path, { method: 'POST', body: typed(kind, object) })) as T
  }

  /** Makes the object or changes it to this, by server-side apply. */
  async apply<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const { name, namespace } = object.metadata
    const path = `${pathOf(kind, namespace, name)}?fieldManager=e2e&force=true&fieldValidation=Strict`
    const contentType = 'application/apply-patch+yaml'
    return (await this.request(path, { method: 'PATCH', contentType, body: typed(kind, object) })) as T
  }

  /**
   * Asks what {@link ApiClient.apply} would answer, admission included, and stores nothing. Returns the object as it
   * would be stored, and the warnings that came with it. `yaml` is one document, which the API server reads itself.
   */
  async dryRun(
    kind: Kind<KubeObject>,
    { name, namespace }: { readonly name: string; readonly namespace?: string | undefined },
    yaml: string,
  ): Promise<{ readonly object: unknown; readonly warnings: readonly string[] }> {
    const warnings: string[] = []
    const query = 'dryRun=All&fieldManager=e2e&force=true&fieldValidation=Strict'
    const object = await this.request(`${pathOf(kind, namespace, name)}?${query}`, {
      method: 'PATCH',
      contentType: 'application/apply-patch+yaml',
      body: yaml,
      onWarning: (text) => void warnings.push(text),
    })
    return { object, warnings }
  }

  /** Changes some fields of the object by a merge patch (RFC 7396). */
  async patch<T extends KubeObject>(
    kind: Kind<T>,
    { name, namespace }: { readonly name: string; readonly namespace?: string | undefined },
    changes: object,
  ): Promise<T> {
    const contentType = 'application/merge-patch+json'
    const path = `${pathOf(kind, namespace, name)}?fieldValidation=Strict`
    return (await this.request(path, { method: 'PATCH', contentType, body: changes })) as T
  }

  /** Deletes the object, if it is there. */
  async delete(kind: Kind<KubeObject>, name: string, namespace?: string): Promise<void> {
    try {
      await this.request(pathOf(kind, namespace, name), { method: 'DELETE' })
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error
    }
  }

  /** A token for a ServiceAccount, as a pod of it would be given; good only as long as the Secret is there, if one is named. */
  async token(serviceAccount: string, namespace: string, secret?: { name: string; uid?: string }): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`
    const boundObjectRef = secret && { apiVersion: 'v1', kind: 'Secret', ...secret }
    const spec = { expirationSeconds: 7200, boundObjectRef }
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }
    const { status } = (await this.request(path, { method: 'POST', body })) as { status: { token: string } }
    return status.token
  }

  /** Sends a request and returns what the JSON of the answer holds. Throws {@link ApiError}. */
  async request(path: string, wish: ApiRequest = {}): Promise<unknown> {
    const { method = 'GET', contentType, body, onWarning } = wish
    const { identity, url } = this.#credentials
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const headers = {
      accept: 'application/json',
      ...('token' in identity && { authorization: `Bearer ${identity.token}` }),
      ...(text !== undefined && { 'content-type': contentType ?? 'application/json' }),
    }
    const answer = await this.#exchange(new URL(path, url), { method, headers }, text)
    for (const warning of answer.warnings) onWarning?.(warning)
    const parsed: unknown = parse(answer.text)
    if (answer.status < 400) return parsed
    const { reason = '', message = answer.text } = (parsed ?? {}) as { reason?: string; message?: string }
    throw new ApiError(answer.status, reason, `${method} ${path}: ${message}`)
  }

  close(): void {
    this.#agent.destroy()
  }

  #exchange(
    url: URL,
    options: { method: string; headers: Record<string, string> },
    body: string | undefined,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = httpsRequest(url, { ...options, agent: this.#agent, timeout: requestMilliseconds }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const { statusCode = 0, headersDistinct } = response
          const warnings = headersDistinct['warning'] ?? []
          resolve({ status: statusCode, warnings, text: Buffer.concat(chunks).toString() })
        })
      })
      sent.on('timeout', () => sent.destroy(new Error(`no answer from ${url.href}`)))
      sent.on('error', reject)
      sent.end(body)
    })
  }
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly warnings: readonly string[]
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function typed(kind: Kind<KubeObject>, object: KubeObject): KubeObject {
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
  return { ...object, apiVersion, kind: kind.kind }
}

/** Where the API server has objects of the kind. */
export function pathOf(kind: Kind<KubeObject>, namespace?: string, name?: string): string {
  const root = kind.group === '' ? '/api' : `/apis/${kind.group}`
  const place = namespace === undefined || !kind.namespaced ? '' : `/namespaces/${namespace}`
  return `${root}/${kind.version}${place}/${kind.plural}${name === undefined ? '' : `/${name}`}`
}
