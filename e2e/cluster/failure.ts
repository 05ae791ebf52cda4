import { inspect } from 'node:util'
import type { Cluster } from './cluster.ts'
import { ApiError, type ApiClient } from './api-client.ts'
import {
  certificateRequests,
  certificates,
  challenges,
  clusterIssuers,
  events,
  issuers,
  orders,
  profiles,
  type Kind,
  type KubeObject,
} from './kinds.ts'

const shownLines = 40
const shownCharacters = 600

const shownKinds: readonly Kind<KubeObject>[] = [
  issuers,
  profiles,
  certificates,
  certificateRequests,
  orders,
  challenges,
]

/** All that somebody needs to find out why a case failed. */
export async function describeFailure(cluster: Cluster, namespace: string, error: unknown): Promise<string> {
  const { api, plane, certManagerLog, installations } = cluster
  const sections = [
    ['what stands in its namespace', await objectsOf(api, namespace)],
    ['the ClusterIssuers', await shown(api, clusterIssuers)],
    ...installations.flatMap(({ namespace: own, replicas }) =>
      replicas.map((replica) => [`${own}: ${replica.name}${replica.isRunning ? '' : ' (ended)'}`, tail(replica.log)]),
    ),
    ['cert-manager', tail(certManagerLog)],
    ['the API server', tail(plane.log.filter((line) => /^[EF]\d/.test(line)))],
  ] as const
  const text = sections.filter(([, body]) => body !== '').map(([title, body]) => `  ${title}:\n${indent(body ?? '')}`)
  return [inspect(error), ...text].join('\n')
}

async function objectsOf(api: ApiClient, namespace: string): Promise<string> {
  const objects = await Promise.all(shownKinds.map((kind) => shown(api, kind, namespace)))
  const happened = await api.list(events, namespace).catch(() => [])
  const told = happened.map(({ type, reason, note, regarding }) => `${type} ${regarding?.name}: ${reason}: ${note}`)
  return [...objects, ...told].filter((text) => text !== '').join('\n')
}

async function shown(api: ApiClient, kind: Kind<KubeObject>, namespace?: string): Promise<string> {
  try {
    const objects = await api.list(kind, namespace)
    return objects
      .slice(0, 10)
      .map((object) => cut(`${kind.kind} ${object.metadata.name}: ${JSON.stringify(statusOf(object))}`))
      .join('\n')
  } catch (error) {
    // Not every cluster has cert-manager.
    return error instanceof ApiError && error.status === 404 ? '' : `${kind.plural}: ${String(error)}`
  }
}

function statusOf(object: KubeObject): unknown {
  return 'status' in object ? object.status : 'no status'
}

function tail(lines: readonly string[]): string {
  return lines.slice(-shownLines).map(cut).join('\n')
}

function cut(line: string): string {
  return line.slice(0, shownCharacters)
}

function indent(text: string): string {
  return text.replace(/^/gm, '  | ')
}
