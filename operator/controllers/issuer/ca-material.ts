import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import {
  createLocalSigner,
  createSelfSignedCa,
  createSubordinateCa,
  encodePem,
  generateSerialNumber,
  parseIssuerCertificate,
} from '../../../ca/index.ts'
import type { CaCertificateSpec, IssuerCertificate, IssuingCa } from '../../../ca/index.ts'
import type { Trx } from '../../../store/database.ts'
import { insertIssuerCertificate } from '../../../store/issuers.ts'
import type { IssuerSpec } from '../../api/issuer.ts'
import { seconds } from '../../api/fields.ts'
import { controllerActor } from '../writing.ts'
import type { Found } from './plan.ts'
import { constraintsOf, selfMade } from './spec.ts'

/** The public half of a CA: its certificate with what leads to its root. */
export interface CaMaterial {
  readonly certificate: IssuerCertificate
  /** The certificate first, without the root; empty where it is the root itself. */
  readonly chainPem: string
  readonly rootPem: string
}

const backdateMs = 5 * 60 * 1000

/**
 * Makes the certificate of a self-made CA, signed by itself or by its parent. Throws CaError where no such CA can be
 * made, and TypeError for a spec of a CA that was brought along or whose parent is not there.
 */
export async function makeCa(input: {
  spec: IssuerSpec
  key: KeyObject
  parent: Found<IssuingCa> | undefined
  now: Date
}): Promise<CaMaterial> {
  const { spec, key, parent } = input
  const made = selfMade(spec)
  if (made === undefined) throw new TypeError('only a self-made CA can be made')
  const now = input.now.getTime()
  const certificateSpec = {
    subject: made.subject,
    notBefore: wholeSecond(now - backdateMs),
    notAfter: wholeSecond(now + seconds(made.duration) * 1000),
    pathLength: made.pathLength,
    nameConstraints: constraintsOf(made),
    serialNumber: generateSerialNumber(),
  }
  return spec.type === 'Subordinate' ? signByParent(parent, key, certificateSpec) : signBySelf(key, certificateSpec)
}

async function signBySelf(key: KeyObject, spec: CaCertificateSpec): Promise<CaMaterial> {
  const der = await createSelfSignedCa(spec, createLocalSigner(key))
  return { certificate: parseIssuerCertificate(der), chainPem: '', rootPem: encodePem('CERTIFICATE', der) }
}

/** A subordinate never outlives its parent: whatever it asks for is cut to that. */
async function signByParent(
  parent: Found<IssuingCa> | undefined,
  key: KeyObject,
  spec: CaCertificateSpec,
): Promise<CaMaterial> {
  if (parent?.ok !== true) throw new TypeError('a Subordinate can only be made with its parent')
  const issuer = parent.value
  const [earliest, latest] = [issuer.certificate.notBefore, issuer.certificate.notAfter]
  const der = await createSubordinateCa(
    {
      ...spec,
      notBefore: spec.notBefore < earliest ? earliest : spec.notBefore,
      notAfter: spec.notAfter > latest ? latest : spec.notAfter,
    },
    { subjectPublicKeyInfoDer: createPublicKey(key).export({ type: 'spki', format: 'der' }), issuer },
  )
  return {
    certificate: parseIssuerCertificate(der),
    chainPem: encodePem('CERTIFICATE', der) + issuer.chainPem,
    rootPem: issuer.rootPem,
  }
}

function wholeSecond(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000)
}

/** Stores a CA's certificate as the Issuer's next generation, unless it is one already; returns that generation's id. */
export async function storeGeneration(trx: Trx, issuerId: string, material: CaMaterial): Promise<string> {
  const { certificate, chainPem, rootPem } = material
  const { id } = await insertIssuerCertificate(trx, {
    issuerId,
    certificateDer: certificate.der,
    chainPem,
    rootPem,
    subjectKeyId: certificate.subjectKeyId,
    serialNumber: Buffer.from(certificate.serialNumber, 'hex'),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    actor: controllerActor,
  })
  return id
}
