import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runCommand, systemPath } from './processes.ts'

const openSslLimit = () => AbortSignal.timeout(20_000)

/** Certificates of a PEM text in the order they appear, the leaf first when it is a chain. */
export function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}

/**
 * Fails unless OpenSSL, at its strictest, accepts the chain for a TLS server of each name up to the root alone,
 * and the leaf carries exactly these names.
 */
export async function verifyChain(chainPem: string, names: readonly string[], rootFile: string): Promise<void> {
  const [leaf, ...rest] = certificatesOf(chainPem)
  if (leaf === undefined) throw new Error(`no certificate where a chain was expected: ${chainPem.slice(0, 200)}`)
  const inLeaf = (leaf.subjectAltName ?? '').split(', ').toSorted()
  const wanted = names.map((name) => `DNS:${name}`).toSorted()
  if (inLeaf.join() !== wanted.join())
    throw new Error(`the leaf is for ${inLeaf.join(' ')} instead of ${wanted.join(' ')}`)
  const folder = await mkdtemp(join(tmpdir(), 'chain-'))
  try {
    const leafFile = join(folder, 'leaf.pem')
    const restFile = join(folder, 'rest.pem')
    await writeFile(leafFile, leaf.toString())
    await writeFile(restFile, rest.map(String).join(''))
    const untrusted = rest.length > 0 ? ['-untrusted', restFile] : []
    for (const name of names) {
      // OpenSSL matches a concrete host name, so a wildcard is asked for one of the hosts it covers.
      const host = name.replace(/^\*\./, 'any-host.')
      const checks = ['-x509_strict', '-purpose', 'sslserver', '-verify_hostname', host]
      await openssl(['verify', ...checks, '-no-CApath', '-no-CAstore', '-CAfile', rootFile, ...untrusted, leafFile])
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The chain that the TLS server on port 443 of `address` presents for `name`, or undefined while it answers nothing usable. */
export async function servedChain(address: string, name: string, signal: AbortSignal): Promise<string | undefined> {
  const args = ['s_client', '-connect', `${address}:443`, '-servername', name, '-showcerts']
  const result = await runCommand({ program: 'openssl', args, env: { PATH: systemPath }, stdin: '' }, signal)
  return certificatesOf(result.stdout).length > 0 ? result.stdout : undefined
}

/** A certificate and its key, in PEM. */
export interface KeyPairFiles {
  readonly certificateFile: string
  readonly keyFile: string
}

/** What a certificate shall say; `names` as in `DNS:localhost` and `IP:127.0.0.1`. */
export interface CertificateWish {
  /** As OpenSSL writes it, such as /O=system:masters/CN=admin. */
  readonly subject: string
  readonly names: readonly string[]
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-x509', '-days', '2']

/** Makes a CA in the files `<name>.pem` and `<name>-key.pem` of a folder. */
export async function makeCa(folder: string, name: string): Promise<KeyPairFiles> {
  const files = keyPairFiles(folder, name)
  const extension = ['-addext', 'keyUsage=critical,keyCertSign']
  await openssl(['req', ...newKey, '-subj', `/CN=${name}`, ...extension, ...output(files)])
  return files
}

/** Makes a certificate, signed by the CA, in the files `<name>.pem` and `<name>-key.pem` beside the CA's. */
export async function makeCertificate(ca: KeyPairFiles, name: string, wish: CertificateWish): Promise<KeyPairFiles> {
  const files = keyPairFiles(dirname(ca.certificateFile), name)
  const extensions = ['basicConstraints=critical,CA:FALSE']
  if (wish.names.length > 0) extensions.push(`subjectAltName=${wish.names.join()}`)
  const issuer = ['-CA', ca.certificateFile, '-CAkey', ca.keyFile]
  const added = extensions.flatMap((extension) => ['-addext', extension])
  await openssl(['req', ...newKey, '-subj', wish.subject, ...issuer, ...added, ...output(files)])
  return files
}

/** The certificate, in PEM, of a CA that asked for it by a CSR; it may issue leaves only. */
export async function signCa(ca: KeyPairFiles, csrFile: string): Promise<string> {
  const extensionsFile = `${csrFile}.extensions`
  const extensions = ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign,cRLSign']
  const identifiers = ['subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid']
  await writeFile(extensionsFile, [...extensions, ...identifiers, ''].join('\n'))
  const signer = ['-CA', ca.certificateFile, '-CAkey', ca.keyFile, '-CAcreateserial', '-days', '2']
  return openssl(['x509', '-req', '-in', csrFile, '-extfile', extensionsFile, ...signer])
}

function keyPairFiles(folder: string, name: string): KeyPairFiles {
  return { certificateFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}-key.pem`) }
}

function output({ certificateFile, keyFile }: KeyPairFiles): string[] {
  return ['-keyout', keyFile, '-out', certificateFile]
}

/** Makes a CA and, signed by it, a certificate for a TLS listener of these names. */
export async function makeListenerCertificate(folder: string, names: readonly string[]): Promise<ListenerCertificate> {
  const ca = await makeCa(folder, 'listener-ca')
  const leaf = await makeCertificate(ca, 'listener', { subject: '/', names: names.map((name) => `DNS:${name}`) })
  return { caFile: ca.certificateFile, ...leaf }
}

export interface ListenerCertificate extends KeyPairFiles {
  readonly caFile: string
}

async function openssl(args: readonly string[]): Promise<string> {
  const result = await runCommand({ program: 'openssl', args, env: { PATH: systemPath } }, openSslLimit())
  if (result.code !== 0) throw new Error(`openssl ${args.join(' ')}\n${result.output}`)
  return result.stdout
}
