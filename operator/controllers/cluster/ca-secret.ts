import type { KeyObject } from 'node:crypto'
import { createCaRequest, createLocalSigner, encodePem, generatePrivateKey } from '../../../ca/index.ts'
import type { IssuingCa } from '../../../ca/index.ts'
import type { IssuerSpec } from '../../api/issuer.ts'
import { isAlreadyExists, isForbidden } from '../../kubernetes/api-error.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { CustomResource, ObjectMeta, Secret, Stored } from '../../kubernetes/objects.ts'
import { secrets } from '../../kubernetes/resources.ts'
import { makeCa } from '../issuer/ca-material.ts'
import type { CaMaterial } from '../issuer/ca-material.ts'
import type { Found } from '../issuer/plan.ts'
import { readCaSecret } from '../issuer/secret.ts'
import { keySpec, selfMade } from '../issuer/spec.ts'
import type { SelfMade } from '../issuer/spec.ts'
import { title } from './controller.ts'
import { issuerUidAnnotation, managedBy } from './ownership.ts'

/** The Secret that holds, or will hold, an Issuer's CA: the one it names, or `<issuer>-ca` for one that is made. */
export function caSecretName(spec: IssuerSpec, issuerName: string): string {
  if (spec.caSecret !== undefined) return spec.caSecret.secretRef.name
  return selfMade(spec)?.privateKey.secretName ?? `${issuerName}-ca`
}

/** The values of a Secret in clear text. */
export function valuesOf({ data }: Secret): ReadonlyMap<string, string> {
  return new Map(Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]))
}

/** What an Issuer's Secrets hold. */
export interface FoundCa {
  /** Absent where the Secret of a self-made CA isn't there yet. */
  readonly ca?: Found<IssuingCa>
  /** Subordinate, External: what the CA elsewhere is to sign, in PEM. */
  readonly csr?: string
}

/**
 * Reads the CA in an Issuer's Secret. A Secret that was made for an Issuer that is gone is not taken over: that would
 * be another CA's key under a new Issuer's name.
 */
export async function findCa(
  client: KubernetesClient,
  { object, spec, now }: { object: Stored<CustomResource>; spec: IssuerSpec; now: Date },
): Promise<FoundCa> {
  const { namespace = '', name: issuerName, uid } = object.metadata
  const name = caSecretName(spec, issuerName)
  const own = await readSecret(client, namespace, name)
  if (own.state === 'forbidden') return { ca: own.found }
  const secretTitle = title('Secret', { namespace, name })
  if (spec.type === 'CASecret') return { ca: readCaSecret(secretTitle, own, now) }
  if (own.state === 'missing') return {}
  const foreign = foreignSecret(secretTitle, own.metadata, uid)
  if (foreign !== undefined) return { ca: foreign }
  return spec.subordinate?.signedCertificateSecretRef === undefined
    ? { ca: readCaSecret(secretTitle, own, now) }
    : findSigned(client, { namespace, signedRef: spec.subordinate.signedCertificateSecretRef, own: own.values, now })
}

/** The CA that somebody elsewhere signs: its key is ours, its certificate comes in another Secret. */
async function findSigned(
  client: KubernetesClient,
  input: {
    namespace: string
    signedRef: { readonly name: string; readonly key: string }
    own: ReadonlyMap<string, string>
    now: Date
  },
): Promise<FoundCa> {
  const { namespace, signedRef, own, now } = input
  const { name, key } = signedRef
  const csr = own.get('tls.csr') ?? ''
  const signed = await readSecret(client, namespace, name)
  if (signed.state === 'forbidden') return { ca: signed.found, csr }
  const secretTitle = title('Secret', { namespace, name })
  const certificatePem = signed.state === 'read' ? signed.values.get(key) : undefined
  if (signed.state === 'missing' || certificatePem === undefined) {
    const message = `have status.csr signed and put the certificate, followed by its chain, into ${secretTitle} under ${key}`
    return { ca: { ok: false, reason: 'PendingSignature', message }, csr }
  }
  const values = new Map([['tls.crt', certificatePem]])
  for (const [field, text] of [
    ['tls.key', own.get('tls.key')],
    ['ca.crt', signed.values.get('ca.crt')],
  ] as const) {
    if (text !== undefined) values.set(field, text)
  }
  return { ca: readCaSecret(secretTitle, { state: 'read', values }, now), csr }
}

function foreignSecret(title: string, metadata: ObjectMeta, uid: string): Found<IssuingCa> | undefined {
  const madeFor = metadata.annotations?.[issuerUidAnnotation]
  if (madeFor === uid) return undefined
  const message =
    madeFor === undefined
      ? `${title} was not made for this Issuer; name another with privateKey.secretName, or make the Issuer a CASecret`
      : `${title} holds the CA of an earlier Issuer of this name; remove it to have a new CA made, or go on with it by an Issuer of type CASecret`
  return { ok: false, reason: 'SecretInvalid', message }
}

type ReadSecret =
  | { readonly state: 'missing' }
  | { readonly state: 'read'; readonly values: ReadonlyMap<string, string>; readonly metadata: ObjectMeta }
  | { readonly state: 'forbidden'; readonly found: Found<IssuingCa> }

async function readSecret(client: KubernetesClient, namespace: string, name: string): Promise<ReadSecret> {
  try {
    const secret = await client.get(secrets, { namespace, name })
    return secret === undefined
      ? { state: 'missing' }
      : { state: 'read', values: valuesOf(secret), metadata: secret.metadata }
  } catch (error) {
    if (!isForbidden(error)) throw error
    const message = `the operator may not read ${title('Secret', { namespace, name })}; give its service account get on secrets in ${namespace}`
    return { state: 'forbidden', found: { ok: false, reason: 'SecretForbidden', message } }
  }
}

/**
 * Makes a CA and keeps it, key and all, in the Issuer's Secret; one that was made meanwhile stays. Throws CaError where
 * no such CA can be made, and what the API server throws.
 */
export async function createCaSecret(
  client: KubernetesClient,
  input: { object: Stored<CustomResource>; spec: IssuerSpec; parent: Found<IssuingCa> | undefined; now: Date },
): Promise<void> {
  const { object, spec, parent, now } = input
  const made = selfMade(spec)
  if (made === undefined) throw new TypeError('only a self-made CA can be made')
  const key = await generatePrivateKey(keySpec(made))
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
  const isSignedElsewhere = spec.subordinate?.mode === 'External'
  const values = isSignedElsewhere
    ? { 'tls.key': keyPem, 'tls.csr': await requestFor(made, key) }
    : { 'tls.key': keyPem, ...certificatesOf(await makeCa({ spec, key, parent, now })) }
  const { namespace = '', name, uid } = object.metadata
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: isSignedElsewhere ? 'Opaque' : 'kubernetes.io/tls',
    metadata: {
      namespace,
      name: caSecretName(spec, name),
      labels: managedBy,
      // No owner reference: a CA must not vanish because somebody deleted and made its Issuer again.
      annotations: { [issuerUidAnnotation]: uid, 'certctl.io/issuer': name },
    },
    data: Object.fromEntries(
      Object.entries(values).map(([field, text]) => [field, Buffer.from(text).toString('base64')]),
    ),
  }
  try {
    await client.create(secrets, secret)
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
}

function certificatesOf({ certificate, chainPem, rootPem }: CaMaterial): { 'tls.crt': string; 'ca.crt': string } {
  return { 'tls.crt': chainPem === '' ? certificate.pem : chainPem, 'ca.crt': rootPem }
}

/** Kept beside the key: made anew it would be signed anew, and the status would change with it. */
async function requestFor({ subject, pathLength }: SelfMade, key: KeyObject): Promise<string> {
  return encodePem('CERTIFICATE REQUEST', await createCaRequest({ subject, pathLength }, createLocalSigner(key)))
}
