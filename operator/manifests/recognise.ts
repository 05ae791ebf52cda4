import { apiVersion } from '../api/fields.ts'
import { nearestName } from '../nearest-name.ts'
import type { ManifestKind } from './manifest.ts'

const ours: readonly ManifestKind[] = ['Issuer', 'CertificateProfile']
const kinds: readonly ManifestKind[] = [...ours, 'Secret']

/** What an object is by its apiVersion and kind: ours, someone else's, or ours misspelt. */
export type Recognised =
  | { readonly outcome: 'known'; readonly kind: ManifestKind }
  | { readonly outcome: 'foreign'; readonly title: string }
  | { readonly outcome: 'mistake'; readonly field: string; readonly message: string }

/** Tells our objects from those of others, which may lie in the same folder, and from our own misspelt. */
export function recognise(content: object): Recognised {
  const [version, kind]: unknown[] = [Reflect.get(content, 'apiVersion'), Reflect.get(content, 'kind')]
  if (typeof version !== 'string') return mistake('apiVersion', `is missing; add apiVersion: ${apiVersion}`)
  if (typeof kind !== 'string') return mistake('kind', `is missing; write one of ${kinds.join(', ')}`)
  if (version === 'v1' && kind === 'Secret') return { outcome: 'known', kind }
  if (version !== apiVersion) return otherVersion(version, kind)
  const known = ours.find((candidate) => candidate === kind)
  return known === undefined ? mistake('kind', `is ${kind}; ${advice(kind)}`) : { outcome: 'known', kind: known }
}

function otherVersion(version: string, kind: string): Recognised {
  if (version.startsWith('certctl.io/')) return mistake('apiVersion', `is ${version}; write ${apiVersion}`)
  if (nearestName(version, [apiVersion]) !== undefined) {
    return mistake('apiVersion', `is ${version}; did you mean ${apiVersion}?`)
  }
  return { outcome: 'foreign', title: `${version} ${kind}` }
}

function advice(kind: string): string {
  const nearest = nearestName(kind, ours)
  return nearest === undefined ? `write one of ${ours.join(', ')}` : `did you mean ${nearest}?`
}

function mistake(field: string, message: string): Recognised {
  return { outcome: 'mistake', field, message }
}
