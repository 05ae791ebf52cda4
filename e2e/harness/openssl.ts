import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

/** Makes a CA and, signed by it, a certificate for a TLS listener of these names. */
export async function makeListenerCertificate(folder: string, names: readonly string[]): Promise<ListenerCertificate> {
  const files = {
    caFile: join(folder, 'listener-ca.pem'),
    certificateFile: join(folder, 'listener.pem'),
    keyFile: join(folder, 'listener-key.pem'),
  }
  const caKeyFile = join(folder, 'listener-ca-key.pem')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-x509', '-days', '2']
  const ca = [
    '-subj',
    '/CN=listener CA',
    '-addext',
    'keyUsage=critical,keyCertSign',
    '-keyout',
    caKeyFile,
    '-out',
    files.caFile,
  ]
  await openssl(['req', ...key, ...ca])
  const extensions = [
    `subjectAltName=${names.map((name) => `DNS:${name}`).join()}`,
    'basicConstraints=critical,CA:FALSE',
  ]
  const leaf = ['-subj', '/', '-keyout', files.keyFile, '-out', files.certificateFile]
  const issuer = ['-CA', files.caFile, '-CAkey', caKeyFile]
  await openssl(['req', ...key, ...leaf, ...issuer, ...extensions.flatMap((extension) => ['-addext', extension])])
  return files
}

export interface ListenerCertificate {
  readonly caFile: string
  readonly certificateFile: string
  readonly keyFile: string
}

async function openssl(args: readonly string[]): Promise<string> {
  const result = await runCommand({ program: 'openssl', args, env: { PATH: systemPath } }, openSslLimit())
  if (result.code !== 0) throw new Error(`openssl ${args.join(' ')}\n${result.output}`)
  return result.stdout
}
