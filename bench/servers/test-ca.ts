import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A CA and a certificate below it, P-256, as PEM files; the peers bring none of their own. */
export interface IssuedPair {
  caCertificate: string
  certificate: string
  key: string
}

/** A certificate for the peer's own listener. */
export function makeListenerCertificate(folder: string): IssuedPair {
  return makePair(folder, 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
}

/** An intermediate CA, which issues, below a root. */
export function makeIntermediate(folder: string): IssuedPair {
  return makePair(
    folder,
    'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n',
  )
}

function makePair(folder: string, extensions: string): IssuedPair {
  const file = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc']
  writeFileSync(file('issued.ext'), extensions)
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'root.key',
    '-out',
    'root.crt',
    '-subj',
    '/CN=Bench root',
    '-days',
    '30',
  )
  openssl('req', '-new', ...newKey, '-keyout', 'issued.key', '-out', 'issued.csr', '-subj', '/CN=Bench')
  const ca = ['-CA', 'root.crt', '-CAkey', 'root.key', '-CAcreateserial']
  openssl('x509', '-req', '-in', 'issued.csr', ...ca, '-extfile', 'issued.ext', '-days', '29', '-out', 'issued.crt')
  return { caCertificate: file('root.crt'), certificate: file('issued.crt'), key: file('issued.key') }
}
