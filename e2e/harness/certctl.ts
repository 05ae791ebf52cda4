import { createWriteStream } from 'node:fs'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import type { AcmeServer, ServerSetting } from './acme-server.ts'
import { callHttp } from './http-client.ts'
import { certificatesOf } from './openssl.ts'
import { Service, systemPath } from './processes.ts'

const checkout = dirname(dirname(import.meta.dirname))
const startLimit = () => AbortSignal.timeout(60_000)

/** `certctl serve` of this checkout on a fresh data folder; with a database URL on that Postgres. */
export async function startCertctl(setting: ServerSetting, databaseUrl?: string): Promise<AcmeServer> {
  const manifestsDir = join(setting.folder, 'manifests')
  const dataDir = join(setting.folder, 'data')
  const rootFile = join(setting.folder, 'root.pem')
  const ownTlsCaFile = join(dataDir, 'tls', 'ca.crt')
  const tlsCaFile = join(setting.folder, 'listener-ca.pem')
  await mkdir(manifestsDir, { recursive: true })
  await writeFile(
    join(manifestsDir, 'e2e.yaml'),
    manifests(setting)
      .map((object) => stringify(object))
      .join('---\n'),
  )
  const baseUrl = `https://${setting.hostName}:8443`
  const profileDirectory = (name: string) => `${baseUrl}/acme/profile/${name}/directory`
  const log: string[] = []
  const logFile = createWriteStream(join(setting.folder, 'server.log'))
  const record = (line: string) => {
    log.push(line)
    logFile.write(`${line}\n`)
  }
  const env = {
    PATH: systemPath,
    HOME: setting.folder,
    CERTCTL_EXTERNAL_URLS: baseUrl,
    CERTCTL_PKI_URL: `http://${setting.hostName}:8080`,
    CERTCTL_ACME_SERVER_DEFAULT_PROFILE_ID: 'challenge',
    ...(databaseUrl === undefined ? {} : { CERTCTL_DATABASE_URL: databaseUrl }),
  }

  async function start(): Promise<Service> {
    // The package's script, as npm would run it: npm itself may not be on root's path.
    const args = ['--run', 'certctl', '--', 'serve', '--manifests', manifestsDir, '--data', dataDir]
    const service = new Service({ program: process.execPath, args, env, cwd: checkout }, record)
    try {
      await service.until('it was ready', () => isReady(baseUrl, ownTlsCaFile), startLimit())
    } catch (error) {
      await service.stop()
      throw new Error(`certctl did not start: ${String(error)}\n${log.slice(-40).join('\n')}`, { cause: error })
    }
    return service
  }

  let service = await start()
  // The data folder is private, and Apache reads the file as another user.
  await copyFile(ownTlsCaFile, tlsCaFile)
  await writeFile(rootFile, await publishedRoot(`http://${setting.hostName}:8080/ca/${rootIssuer}.pem`))
  return {
    title: `certctl on ${databaseUrl === undefined ? 'PGlite' : 'Postgres'}`,
    baseUrl,
    directories: {
      trust: profileDirectory('trust'),
      // The default profile's short URLs are exercised on Postgres, the long ones on PGlite.
      challenge: databaseUrl === undefined ? profileDirectory('challenge') : `${baseUrl}/acme/directory`,
      short: profileDirectory('short'),
    },
    tlsCaFile,
    rootFile,
    refusal: {
      name: 'host.outside.example.net',
      sentence: "is not among the names of this profile's identifiers.dns.allowed",
    },
    log,
    async restart() {
      await service.stop()
      service = await start()
    },
    async badNonces() {
      const { body } = await callHttp('http://127.0.0.1:9402/metrics')
      return Number(/^certctl_acme_problems_total\{type="badNonce"\} (\d+)/m.exec(body)?.[1] ?? 0)
    },
    stop: () => service.stop(),
  }
}

const rootIssuer = 'e2e-root'
const intermediateIssuer = 'e2e-intermediate'

function manifests(setting: ServerSetting): object[] {
  const subject = (commonName: string) => ({ commonName, organization: ['certctl e2e'] })
  const challenge = {
    authMode: 'Challenge',
    challengeTypes: ['http-01', 'dns-01', 'tls-alpn-01'],
    validation: { resolvers: [setting.resolver], allowedNetworks: ['127.0.0.0/8'] },
  }
  const identifiers = { dns: { allowed: [`**.${setting.zone}`], wildcards: true } }
  return [
    resource('Issuer', rootIssuer, { type: 'SelfSigned', selfSigned: { subject: subject('E2E Root') } }),
    resource('Issuer', intermediateIssuer, {
      type: 'Subordinate',
      subordinate: {
        parentRef: { name: rootIssuer },
        subject: subject('E2E Intermediate'),
        privateKey: { algorithm: 'ECDSA', curve: 'P-256' },
      },
    }),
    // One profile signs with the root itself, so that chains of both lengths reach every client.
    resource('CertificateProfile', 'trust', {
      issuerRef: { name: rootIssuer },
      acme: { authMode: 'TrustAuthenticated', registration: 'Open' },
      identifiers,
    }),
    resource('CertificateProfile', 'challenge', {
      issuerRef: { name: intermediateIssuer },
      acme: challenge,
      identifiers,
    }),
    resource('CertificateProfile', 'short', {
      issuerRef: { name: intermediateIssuer },
      acme: challenge,
      identifiers,
      // Clients renew in the last third of a lifetime: here that begins ten seconds after issuance.
      validity: { default: '120s', max: '120s', backdate: '70s' },
    }),
  ]
}

function resource(kind: string, name: string, spec: object): object {
  return { apiVersion: 'certctl.io/v1alpha1', kind, metadata: { name, namespace: 'certctl' }, spec }
}

async function isReady(baseUrl: string, tlsCaFile: string): Promise<true | undefined> {
  try {
    const answer = await callHttp(`${baseUrl}/ready`, { ca: await readFile(tlsCaFile, 'utf8') })
    return answer.status === 200 ? true : undefined
  } catch {
    return undefined
  }
}

async function publishedRoot(url: string): Promise<string> {
  const answer = await callHttp(url)
  const root = certificatesOf(answer.body).find((certificate) => certificate.issuer === certificate.subject)
  if (root === undefined) throw new Error(`${url} answered ${answer.status} without a root certificate: ${answer.body}`)
  return root.toString()
}
