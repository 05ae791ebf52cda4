import { createServer } from 'node:http'
import type { ApiClient } from './api-client.ts'
import { ingresses, pods, services, type Pod } from './kinds.ts'

/**
 * Plays an ingress controller and the pods behind it, for the http-01 solvers that cert-manager makes: a request goes
 * by the rules of the Ingresses to a Service, from there to a Pod, and the answer is what the Pod's arguments say.
 */
export async function serveSolvers(address: string, api: ApiClient): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '')
    answerOf(api, host, request.url ?? '').then(
      (answer) => response.writeHead(answer === undefined ? 404 : 200).end(answer),
      (error: unknown) => response.writeHead(502).end(String(error)),
    )
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(80, address, resolve))
  return {
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    },
  }
}

async function answerOf(api: ApiClient, host: string, path: string): Promise<string | undefined> {
  for (const { metadata, spec } of await api.list(ingresses)) {
    const paths = (spec.rules ?? []).filter((rule) => rule.host === host).flatMap((rule) => rule.http?.paths ?? [])
    const serviceName = paths.find((rule) => rule.path === path)?.backend.service?.name
    if (serviceName === undefined || metadata.namespace === undefined) continue
    const service = await api.get(services, serviceName, metadata.namespace)
    const selector = Object.entries(service?.spec.selector ?? {}).map(([label, value]) => `${label}=${value}`)
    if (selector.length === 0) continue
    const [pod] = await api.list(pods, metadata.namespace, selector.join())
    if (pod !== undefined) return keyAuthorization(pod, host, path)
  }
  return undefined
}

/** What cert-manager's solver program answers when it is started with these arguments. */
function keyAuthorization(pod: Pod, host: string, path: string): string | undefined {
  const args = pod.spec.containers.flatMap((container) => container.args ?? [])
  const option = (name: string): string | undefined =>
    args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
  const isFor = option('domain') === host && path === `/.well-known/acme-challenge/${option('token')}`
  return isFor ? option('key') : undefined
}
