import { encodePem } from '../../ca/index.ts'
import type { AcmeDeps } from '../deps.ts'
import { serviceUnavailable } from '../problems.ts'
import type { Reply } from '../reply.ts'
import type { AccountRequest } from '../request.ts'

/** RFC 8555 section 7.4.2: the certificate and the chain of the generation that signed it, without the root. */
export function downloadCertificate(deps: AcmeDeps, request: AccountRequest<undefined, 'certificate'>): Reply {
  const { resource: certificate } = request
  const ca = deps.issuers.generation(certificate.issuerCertificateId)
  if (!ca) throw serviceUnavailable('The chain of this certificate is not loaded yet; try again soon.', 10)
  return { status: 200, pem: encodePem('CERTIFICATE', certificate.der) + ca.chainPem, resourceId: certificate.id }
}
