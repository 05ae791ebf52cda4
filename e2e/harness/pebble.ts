import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AcmeServer, DirectoryName, ServerSetting } from './acme-server.ts'
import { callHttp } from './http-client.ts'
import { makeListenerCertificate, type ListenerCertificate } from './openssl.ts'
import { Service, systemPath } from './processes.ts'

const refusedName = 'refused.example.net'

/**
 * Let's Encrypt's test server, to tell a fault of a client's script from one of ours.
 * One process per directory, because Pebble's profiles are chosen by the client. It knows no trust and keeps nothing.
 */
export async function startPebble(setting: ServerSetting, program: string): Promise<AcmeServer> {
  await mkdir(setting.folder, { recursive: true })
  const listener = await makeListenerCertificate(setting.folder, [setting.hostName])
  const instances = await Promise.all([
    startInstance({ setting, program, listener, directory: 'challenge', port: 14000, validity: 7_776_000 }),
    startInstance({ setting, program, listener, directory: 'short', port: 14100, validity: 30 }),
  ])
  const rootFile = join(setting.folder, 'roots.pem')
  await writeFile(rootFile, instances.map((instance) => instance.rootPem).join('\n'))
  return {
    title: 'Pebble',
    baseUrl: `https://${setting.hostName}:14`,
    directories: Object.fromEntries(instances.map((instance) => [instance.directory, instance.directoryUrl])),
    tlsCaFile: listener.caFile,
    rootFile,
    refusal: { name: refusedName, sentence: 'issuance is forbidden by policy' },
    get log() {
      return instances.flatMap((instance) => instance.service.lines)
    },
    async stop() {
      await Promise.all(instances.map((instance) => instance.service.stop()))
    },
  }
}

interface InstanceSpec {
  readonly setting: ServerSetting
  readonly program: string
  readonly listener: ListenerCertificate
  readonly directory: DirectoryName
  readonly port: number
  readonly validity: number
}

async function startInstance(spec: InstanceSpec) {
  const { setting, port } = spec
  const profiles = { default: { description: 'the only one', validityPeriod: spec.validity } }
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${port + 1}`,
    certificate: spec.listener.certificateFile,
    privateKey: spec.listener.keyFile,
    httpPort: 80,
    tlsPort: 443,
    domainBlocklist: [refusedName],
    // None, because Pebble makes every second one a date, and Caddy 2.6 understands seconds only.
    retryAfter: { authz: 0, order: 0 },
    keyAlgorithm: 'ecdsa',
    profiles,
  }
  const configFile = join(setting.folder, `${spec.directory}.json`)
  await writeFile(configFile, JSON.stringify({ pebble: config }))
  const service = new Service({
    program: spec.program,
    args: ['-strict', '-config', configFile, '-dnsserver', setting.resolver],
    // Random sleeps and refused nonces test clients; here it is a reference, so it has neither.
    env: { PATH: systemPath, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0' },
  })
  const ca = await readFile(spec.listener.caFile, 'utf8')
  const management = `https://${setting.hostName}:${port + 1}`
  const rootPem = await service.until(
    'its root could be had',
    () =>
      callHttp(`${management}/roots/0`, { ca }).then(
        (answer) => answer.body,
        () => undefined,
      ),
    AbortSignal.timeout(20_000),
  )
  return { directory: spec.directory, directoryUrl: `https://${setting.hostName}:${port}/dir`, rootPem, service }
}
