import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { keepCertificate } from './certificate-renewal.ts'
import { createFront } from './front.ts'
import { listen } from './listener.ts'
import { createMetrics } from './metrics.ts'
import { createMetricsServer } from './metrics-server.ts'
import { recordingLog } from './testing/recording-log.ts'
import { temporaryFolder } from './testing/standalone.ts'
import { ownCertificate } from './tls.ts'

const fingerprint = (pem: string | Buffer): string => new X509Certificate(pem).fingerprint256

async function shownBy(server: Server): Promise<string> {
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { raw } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint(raw)
}

test('a renewed certificate is shown by the ACME listener and by that of metrics', async (t) => {
  let now = new Date('2026-06-01T00:00:00Z')
  const certificates = ownCertificate(await temporaryFolder(t), ['localhost'])
  const first = await certificates.current(now)
  const tls = { certificate: first, minVersion: 'TLSv1.3' } as const
  const metrics = createMetrics()
  t.after(() => metrics.close())
  const readiness = { reasonNotReady: () => Promise.resolve(undefined) }
  const listeners = [createFront({ ...tls, maxConnections: 100, readiness }), createMetricsServer(metrics, tls)]
  for (const { server } of listeners) {
    await listen(server, { host: '127.0.0.1', port: 0 }, 'TEST')
    t.after(() => server.close().closeAllConnections())
    assert.equal(await shownBy(server), fingerprint(first.certPem))
  }

  const log = recordingLog()
  const renewal = keepCertificate({ listeners, certificates, clock: { now: () => now }, log })
  t.after(() => renewal.stop())
  now = new Date('2026-08-15T00:00:00Z')
  renewal.wake()
  for (const { server } of listeners) {
    let shown = fingerprint(first.certPem)
    for (let i = 0; shown === fingerprint(first.certPem) && i < 500; i++) {
      await sleep(10)
      shown = await shownBy(server)
    }
    const renewed = await certificates.current(now)
    assert.equal(shown, fingerprint(renewed.certPem))
    assert.notEqual(shown, fingerprint(first.certPem))
  }
})
