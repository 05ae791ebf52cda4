import type { KeyObject } from 'node:crypto'
import { generatePrivateKey } from '../../../ca/index.ts'
import type { KeySpec } from '../../../ca/index.ts'
import type { Trx } from '../../../store/database.ts'
import { listIssuerCertificates, upsertIssuer } from '../../../store/issuers.ts'
import type { StoredIssuer } from '../../../store/issuers.ts'
import type { IssuerSpec } from '../../api/issuer.ts'
import { KeyFileError } from '../../ca-keys.ts'
import { controllerActor, nextGeneration } from '../writing.ts'
import { makeCa, storeGeneration } from './ca-material.ts'
import type { CaMaterial } from './ca-material.ts'
import type { DeclaredIssuer, GatheredIssuer, IssuerDeps } from './gather.ts'
import type { IssuerPlan } from './plan.ts'
import { ceilingsOf, issuerIdentity, keySpec, selfMade } from './spec.ts'

/**
 * Does what a plan says with key file and database, in one transaction, so that of many processes exactly one makes
 * the CA. Returns false where the database holds a newer word on this Issuer.
 */
export async function applyIssuerPlan(
  deps: IssuerDeps,
  declared: DeclaredIssuer,
  gathered: GatheredIssuer,
  plan: IssuerPlan,
): Promise<boolean> {
  const { action } = plan
  if (!declared.spec.ok || action.do === 'keep') return true
  const { spec } = declared.spec
  const material = await materialFor(deps, declared, spec, action)
  return deps.db.transaction().execute(async (trx) => {
    const issuerId = await declareIssuer(trx, { declared, spec, stored: gathered.stored, now: gathered.observed.now })
    if (issuerId === undefined) return false
    if (material === undefined) return true
    // Whoever came first has made it; the row is locked, so nobody can come in between.
    const exists = (await listIssuerCertificates(trx)).some((row) => row.issuerId === issuerId)
    if (action.do === 'adopt' || !exists) await storeGeneration(trx, issuerId, material)
    return true
  })
}

/** The CA to be stored as a generation; undefined where the one that is there is served on. */
async function materialFor(
  deps: IssuerDeps,
  declared: DeclaredIssuer,
  spec: IssuerSpec,
  action: IssuerPlan['action'],
): Promise<CaMaterial | undefined> {
  if (action.do === 'adopt') return action.ca
  return action.do === 'make' ? makeCaOfFile(deps, declared, spec) : undefined
}

function declareIssuer(
  trx: Trx,
  input: { declared: DeclaredIssuer; spec: IssuerSpec; stored: StoredIssuer | undefined; now: Date },
): Promise<string | undefined> {
  const { declared, spec, stored, now } = input
  const { namespace, name } = declared
  const identity = issuerIdentity(spec)
  return upsertIssuer(trx, {
    namespace,
    name,
    // A manifest that comes back is the same CA again if it asks for the same CA, and another one otherwise.
    uid: `manifest:${namespace}/${name}:${identity.slice(0, 32)}`,
    type: spec.type,
    specHash: identity,
    generation: nextGeneration(stored?.generation, now),
    ceilings: ceilingsOf(spec) ?? null,
    actor: controllerActor,
  })
}

/** Makes the certificate of a CA whose key is safely in its file. */
async function makeCaOfFile(deps: IssuerDeps, declared: DeclaredIssuer, spec: IssuerSpec): Promise<CaMaterial> {
  const made = selfMade(spec)
  if (made === undefined) throw new TypeError('only a self-made CA can be made')
  const key = await ensureKey(deps, declared, keySpec(made))
  return makeCa({ spec, key, parent: declared.parent, now: deps.clock.now() })
}

/** The key file's key. One that was left by an earlier CA of this name is used again if it is of the right kind. */
async function ensureKey({ keys }: IssuerDeps, { namespace, name }: DeclaredIssuer, spec: KeySpec): Promise<KeyObject> {
  const key = (await keys.find(namespace, name)) ?? (await keys.keep(namespace, name, await generatePrivateKey(spec)))
  if (isOfKind(key, spec)) return key
  throw new KeyFileError(
    `${keys.file(namespace, name)} holds the key of an earlier CA, of another kind than the Issuer asks for; ` +
      'move it away to have a new key made',
  )
}

const curves = { 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' } as const

function isOfKind({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject, spec: KeySpec): boolean {
  switch (spec.algorithm) {
    case 'ECDSA':
      return type === 'ec' && details?.namedCurve === curves[spec.curve]
    case 'RSA':
      return type === 'rsa' && details?.modulusLength === spec.bits
    case 'Ed25519':
      return type === 'ed25519'
  }
}
