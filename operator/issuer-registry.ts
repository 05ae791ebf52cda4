import { X509Certificate } from 'node:crypto'
import type { IssuerCeilings } from '../acme/policy.ts'
import type { IssuerLookup } from '../acme/ports.ts'
import type { IssuerCertificate, IssuingCa } from '../ca/index.ts'

/** A generation of a CA as this process knows it. */
export interface RegisteredGeneration {
  readonly issuerCertificateId: string
  readonly generation: number
  readonly certificate: IssuerCertificate
  /** Issuer first, without the root. */
  readonly chainPem: string
  readonly rootPem: string
  /** The same with its key; absent where the key isn't here, as with a Secret that has since changed. */
  readonly ca?: IssuingCa
}

/** An Issuer as this process knows it. */
export interface RegisteredIssuer {
  readonly issuerId: string
  readonly namespace: string
  /** `name` in the operator's own namespace, `namespace.name` elsewhere. */
  readonly publicId: string
  /** What profiles of other namespaces may do at most. */
  readonly ceilings?: IssuerCeilings
  readonly generations: readonly RegisteredGeneration[]
  /** The generation that signs; absent while nothing may be signed. */
  readonly signing?: string
  /** The generation that is shown as current even while nothing is signed. */
  readonly current?: string
}

/** The CAs that this process holds: what the ACME server signs with and the PKI listener publishes. */
export interface IssuerRegistry extends IssuerLookup {
  put(issuer: RegisteredIssuer): void
  remove(issuerId: string): void
  /** Generations of issuers that are gone: what they issued can be downloaded with its chain. */
  keep(generations: readonly RegisteredGeneration[]): void
  find(issuerId: string): RegisteredIssuer | undefined
  published(publicId: string): RegisteredIssuer | undefined
  list(): readonly RegisteredIssuer[]
}

/** The name of an object in URLs: the dot is unambiguous because names are DNS labels. */
export function publicId(own: string, { namespace, name }: { namespace: string; name: string }): string {
  return namespace === own ? name : `${namespace}.${name}`
}

/** An empty registry; `pkiUrl` is where its certificates are published, undefined where they are not. */
export function createIssuerRegistry(pkiUrl: string | undefined): IssuerRegistry {
  const issuers = new Map<string, RegisteredIssuer>()
  const generations = new Map<string, RegisteredGeneration>()

  function signing(issuerId: string): ReturnType<IssuerLookup['signing']> {
    const issuer = issuers.get(issuerId)
    const generation = issuer?.generations.find(({ issuerCertificateId }) => issuerCertificateId === issuer.signing)
    if (issuer === undefined || generation?.ca === undefined) return undefined
    const { namespace, ceilings } = issuer
    return {
      namespace,
      ...(ceilings && { ceilings }),
      issuerCertificateId: generation.issuerCertificateId,
      ca: generation.ca,
      ...(pkiUrl !== undefined && { caIssuersUrl: `${pkiUrl}/ca/${issuer.publicId}/${generation.generation}.crt` }),
    }
  }

  /** A key that is here is not lost to a generation that came without it. */
  function keep(kept: readonly RegisteredGeneration[]): void {
    for (const generation of kept) {
      const { issuerCertificateId, ca } = generation
      if (ca !== undefined || generations.get(issuerCertificateId)?.ca === undefined) {
        generations.set(issuerCertificateId, generation)
      }
    }
  }

  return {
    signing,
    generation: (issuerCertificateId) => {
      const generation = generations.get(issuerCertificateId)
      return generation && (generation.ca ?? keyless(generation))
    },
    put(issuer) {
      issuers.set(issuer.issuerId, issuer)
      keep(issuer.generations)
    },
    // Its generations stay: certificates that they issued can still be downloaded with their chain.
    remove: (issuerId) => void issuers.delete(issuerId),
    keep,
    find: (issuerId) => issuers.get(issuerId),
    published: (id) => issuers.values().find((issuer) => issuer.publicId === id),
    list: () => [...issuers.values()],
  }
}

/** The key of a CA generation is not in this process: a Secret has changed since, for example. */
export class CaKeyAbsent extends Error {
  override readonly name = 'CaKeyAbsent'
}

/** A CA whose chain can be shown and whose key is elsewhere: signing fails, which callers treat as "try again later". */
function keyless({ certificate, chainPem, rootPem }: RegisteredGeneration): IssuingCa {
  const absent = (): CaKeyAbsent =>
    new CaKeyAbsent(`the key of the CA certificate ${certificate.sha256Fingerprint} is not in this process`)
  return {
    certificate,
    chainPem,
    rootPem,
    signer: {
      get publicKey() {
        return new X509Certificate(certificate.der).publicKey
      },
      get signatureAlgorithm(): never {
        throw absent()
      },
      sign: () => Promise.reject(absent()),
    },
  }
}
