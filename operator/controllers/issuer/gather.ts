import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { parseIssuerCertificate } from '../../../ca/index.ts'
import type { IssuerCertificate, IssuingCa } from '../../../ca/index.ts'
import type { IssuerCeilings } from '../../../acme/policy.ts'
import type { Db } from '../../../store/database.ts'
import { listIssuerCertificates, listIssuers } from '../../../store/issuers.ts'
import type { StoredIssuer } from '../../../store/issuers.ts'
import type { IssuerSpec } from '../../api/issuer.ts'
import type { CaKeys } from '../../ca-keys.ts'
import type { Clock } from '../../clock.ts'
import type { IssuerRegistry } from '../../issuer-registry.ts'
import type { SpecOutcome } from '../field-errors.ts'
import type { Found, ObservedIssuer } from './plan.ts'
import { selfMade } from './spec.ts'

/** What the controllers of Issuers work with. */
export interface IssuerDeps {
  readonly db: Db
  readonly keys: CaKeys
  readonly registry: IssuerRegistry
  readonly clock: Clock
  readonly ownNamespace: string
}

/** An Issuer as it is declared, with what it refers to. */
export interface DeclaredIssuer {
  readonly namespace: string
  readonly name: string
  readonly spec: SpecOutcome<IssuerSpec, 'InvalidSpec' | 'InvalidNameConstraints'>
  /** CASecret: the CA in the Secret. */
  readonly secret?: Found<IssuingCa>
  /** Subordinate: the CA that signs this one. */
  readonly parent?: Found<IssuingCa>
}

export interface GatheredGeneration {
  readonly id: string
  readonly generation: number
  readonly certificate: IssuerCertificate
  readonly chainPem: string
  readonly rootPem: string
}

/** An Issuer with everything that is known of it. */
export interface GatheredIssuer {
  readonly observed: ObservedIssuer
  readonly stored?: StoredIssuer<IssuerCeilings>
  /** Oldest first. */
  readonly generations: readonly GatheredGeneration[]
  /** The key of a self-made CA, where its file is there. */
  readonly key?: KeyObject
}

/** Reads all that a plan for the Issuer needs: its rows, its key file and the time. */
export async function gatherIssuer(deps: IssuerDeps, declared: DeclaredIssuer): Promise<GatheredIssuer> {
  const { namespace, name, spec, secret, parent } = declared
  const stored = (await listIssuers<IssuerCeilings>(deps.db)).find(
    (one) => one.namespace === namespace && one.name === name,
  )
  const generations = stored === undefined ? [] : await gatherGenerations(deps.db, stored.id)
  const key = needsKey(spec, stored) ? await deps.keys.find(namespace, name) : undefined
  const observed = {
    spec,
    ...(stored && { stored: { type: stored.type, identity: stored.specHash, generations: generations.map(known) } }),
    key: needsKey(spec, stored) ? judgeKey(key, generations.at(-1)) : 'not-needed',
    keyPlace: deps.keys.file(namespace, name),
    ...(secret && { secret }),
    ...(parent && { parent }),
    now: deps.clock.now(),
  } as const
  return { observed, ...(stored && { stored }), generations, ...(key && { key }) }
}

async function gatherGenerations(db: Db, issuerId: string): Promise<GatheredGeneration[]> {
  const rows = (await listIssuerCertificates(db)).filter((row) => row.issuerId === issuerId)
  return rows
    .map(({ id, generation, certificateDer, chainPem, rootPem }) => {
      const certificate = parseIssuerCertificate(new Uint8Array(certificateDer))
      return { id, generation, certificate, chainPem, rootPem }
    })
    .toSorted((a, b) => a.generation - b.generation)
}

/** Also for a spec that can't be read: the last good one may have been of a CA with a key file. */
function needsKey(spec: DeclaredIssuer['spec'], stored: StoredIssuer | undefined): boolean {
  return spec.ok ? selfMade(spec.spec) !== undefined : stored !== undefined && stored.type !== 'CASecret'
}

function known({ id, generation, certificate }: GatheredGeneration): {
  id: string
  generation: number
  sha256Fingerprint: string
  notAfter: Date
} {
  return { id, generation, sha256Fingerprint: certificate.sha256Fingerprint, notAfter: certificate.notAfter }
}

function judgeKey(key: KeyObject | undefined, newest: GatheredGeneration | undefined): ObservedIssuer['key'] {
  if (key === undefined) return 'absent'
  return newest === undefined || isKeyOf(key, newest.certificate) ? 'matches' : 'differs'
}

/** Whether a private key belongs to a CA certificate. */
export function isKeyOf(key: KeyObject, { subjectPublicKeyInfoDer }: IssuerCertificate): boolean {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return spki.equals(subjectPublicKeyInfoDer)
}
