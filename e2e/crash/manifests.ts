import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'

/** How an account proves its names: not at all, or by http-01. Each is a profile of that name. */
export const modes = ['trust', 'http'] as const
export type Mode = (typeof modes)[number]

/** Every name that is ordered lies below it. */
export const zone = 'crash.test'

/** One CA and a profile for each mode. */
export async function writeManifests(folder: string, resolver: string): Promise<void> {
  const objects = [
    resource('Issuer', 'crash-ca', {
      type: 'SelfSigned',
      selfSigned: { subject: { commonName: 'Crash CA' }, privateKey: { algorithm: 'ECDSA', curve: 'P-256' } },
    }),
    profile('trust', { authMode: 'TrustAuthenticated', registration: 'Open' }),
    profile('http', {
      authMode: 'Challenge',
      challengeTypes: ['http-01'],
      validation: { resolvers: [resolver], allowedNetworks: ['127.0.0.0/8'] },
    }),
  ]
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'crash.yaml'), objects.map((object) => stringify(object)).join('---\n'))
}

function profile(mode: Mode, acme: object): object {
  return resource('CertificateProfile', mode, {
    issuerRef: { name: 'crash-ca' },
    acme,
    identifiers: { dns: { allowed: [`**.${zone}`] } },
  })
}

function resource(kind: string, name: string, spec: object): object {
  return { apiVersion: 'certctl.io/v1alpha1', kind, metadata: { name, namespace: 'certctl' }, spec }
}
