import { encodePem } from '../../ca/index.ts'
import type { AcmeDeps } from '../deps.ts'
import { serviceUnavailable } from '../problems.ts'
import type { Reply } from '../reply.ts'
import type { AccountRequest } from '../request.ts'

/**
 * RFC 8555 section 7.4.2: the certificate and the chain of the generation that signed it. The root is left out, unless it
 * signed the certificate itself: certbot and mod_md take a chain of one certificate for a broken answer.
 */
export function downloadCertificate(deps: AcmeDeps, request: AccountRequest<undefined, 'certificate'>): Reply {
  const { resource: certificate } = request
  const ca = deps.issuers.generation(certificate.issuerCertificateId)
  if (!ca) throw serviceUnavailable('The chain of this certificate is not loaded yet; try again soon.', 10)
  const chainPem = ca.chainPem === '' ? ca.rootPem : ca.chainPem
  return { status: 200, pem: encodePem('CERTIFICATE', certificate.der) + chainPem, resourceId: certificate.id }
}
