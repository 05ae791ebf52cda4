import { subjectOfCa } from './ca-certificate.ts'
import type { CaSubject } from './ca-certificate.ts'
import { oids } from './der/oids.ts'
import { bitString, contextConstructed, oid, sequence, setOfOne, smallInteger } from './der/writer.ts'
import { caBasicConstraints, keyUsageExtension } from './extensions.ts'
import { signatureAlgorithms } from './signature-algorithms.ts'
import type { Signer } from './signer.ts'

/**
 * A PKCS#10 request for a CA of ours that somebody else's CA is to sign: asks for keyCertSign, cRLSign and, if given,
 * the path length. Returns DER. Throws 'invalid-subject'.
 */
export async function createCaRequest(
  spec: { subject: CaSubject; pathLength?: number | undefined },
  signer: Signer,
): Promise<Uint8Array> {
  const extensions = sequence(caBasicConstraints(spec.pathLength), keyUsageExtension(['keyCertSign', 'cRLSign']))
  const info = sequence(
    smallInteger(0),
    subjectOfCa(spec.subject),
    signer.publicKey.export({ type: 'spki', format: 'der' }),
    contextConstructed(0, sequence(oid(oids.extensionRequest), setOfOne(extensions))),
  )
  const { identifierDer } = signatureAlgorithms[signer.signatureAlgorithm]
  return sequence(info, identifierDer, bitString(await signer.sign(info)))
}
