import { inspect } from 'node:util'
import { events, issuers, profiles, type Kind, type KubeObject } from '../cluster/kinds.ts'
import type { Ground } from './ground.ts'
import { runningPods } from './kinds.ts'
import { describePod } from './release.ts'

const shownErrorLines = 60
const shownLines = 25
const shownCharacters = 600

/** All that somebody needs to find out why a case failed. */
export async function describeFailure(ground: Ground, error: unknown): Promise<string> {
  const pods = await ground.api.list(runningPods).catch(() => [])
  const ours = pods.filter(({ metadata }) => metadata.namespace !== 'kube-system')
  const logs = await Promise.all(
    ours.map(async ({ metadata: { name, namespace = '' } }): Promise<[string, string]> => {
      const { output } = await ground.kubectl.try(['logs', name, '-n', namespace, `--tail=${shownLines}`])
      return [`${namespace}/${name}`, output]
    }),
  )
  const sections: (readonly [string, string])[] = [
    ['pods', ours.map((pod) => `${pod.metadata.namespace}/${describePod(pod)}`).join('\n')],
    ['Issuers', await statuses(ground, issuers)],
    ['CertificateProfiles', await statuses(ground, profiles)],
    ['what has happened', await happened(ground)],
    ...logs,
    ...ground.logs(),
  ]
  const text = sections.filter(([, body]) => body !== '').map(([title, body]) => `  ${title}:\n${indent(body)}`)
  return [inspect(error).split('\n').slice(0, shownErrorLines).join('\n'), ...text].join('\n')
}

async function statuses(ground: Ground, kind: Kind<KubeObject>): Promise<string> {
  const objects = await ground.api.list(kind).catch(() => [])
  return objects
    .map((object) => {
      const { namespace, name } = object.metadata
      return `${namespace}/${name}: ${JSON.stringify('status' in object ? object.status : 'no status')}`
    })
    .join('\n')
}

async function happened(ground: Ground): Promise<string> {
  const all = await ground.api.list(events).catch(() => [])
  return all
    .toSorted((one, other) => age(one).localeCompare(age(other)))
    .slice(-shownLines)
    .map((event) => `${age(event)} ${event.regarding?.name}: ${event.type} ${event.reason}: ${event.note}`)
    .join('\n')
}

function age({ metadata }: KubeObject): string {
  return metadata.creationTimestamp ?? ''
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  | ${line.slice(0, shownCharacters)}`)
    .join('\n')
}
