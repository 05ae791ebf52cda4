import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { freePorts } from '../harness/ports.ts'
import { startProcess } from '../harness/processes.ts'
import { waitForDirectory } from '../harness/readiness.ts'
import { binaryOf, buildPeer, type GoPeer } from './go-peer.ts'
import type { BenchedServer } from './server.ts'
import { makeListenerCertificate } from './test-ca.ts'

const peer: GoPeer = { name: 'pebble', module: 'github.com/letsencrypt/pebble/v2/cmd/pebble', version: 'v2.10.1' }

/** Pebble without what it does to annoy clients: no sleeps, no refused nonces, no reused authorizations. */
export const pebble: BenchedServer = {
  name: 'pebble',
  setUp: `Pebble ${peer.version}, everything in memory, P-256 issuer; validates in the background with 3 fetches, finalize answers \`processing\``,
  prepare: () => buildPeer(peer),
  async start({ folder, cores, nameServer, validationHttpPort, validationTlsPort }) {
    const [acmePort, managementPort] = await freePorts(2)
    const listener = makeListenerCertificate(folder)
    const config = {
      pebble: {
        listenAddress: `127.0.0.1:${acmePort}`,
        managementListenAddress: `127.0.0.1:${managementPort}`,
        certificate: listener.certificate,
        privateKey: listener.key,
        httpPort: validationHttpPort,
        tlsPort: validationTlsPort,
        externalAccountBindingRequired: false,
        retryAfter: { authz: 0, order: 0 },
        keyAlgorithm: 'ecdsa',
        profiles: { default: { description: 'bench', validityPeriod: 7_776_000 } },
      },
    }
    const configFile = join(folder, 'pebble.json')
    writeFileSync(configFile, JSON.stringify(config))
    const server = await startProcess({
      name: 'pebble',
      command: binaryOf(peer),
      args: ['-config', configFile, '-dnsserver', nameServer],
      logFile: join(folder, 'pebble.log'),
      core: cores?.server,
      folder,
      env: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0' },
    })
    const directory = `https://127.0.0.1:${acmePort}/dir`
    await waitForDirectory(server, directory, listener.caCertificate)
    return {
      pid: server.pid,
      directories: { 'http-01': directory },
      caFile: listener.caCertificate,
      stop: () => server.stop(),
    }
  },
}
