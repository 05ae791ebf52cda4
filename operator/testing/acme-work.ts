import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { AcmeClient } from '../../acme/testing/acme-client.ts'
import { csrFor } from '../../acme/testing/csr.ts'
import { createTransport } from '../../acme/testing/http.ts'
import type { Transport } from '../../acme/testing/http.ts'
import type { ServeProcess } from './process.ts'

/**
 * A certificate, a request that is refused and a proof that is tried: something of everything that a server of
 * crds/samples counts. The profile `challenge` must not find what it is to prove.
 */
export async function giveWork(serve: ServeProcess, at: { externalUrl: string; rootPem: string }): Promise<void> {
  const transport = createTransport({ rootPem: at.rootPem, connectTo: `https://127.0.0.1:${serve.ports.acme}` })
  try {
    await issue(await clientOf(transport, `${at.externalUrl}/acme/profile/trusted/directory`))
    await tryToProve(await clientOf(transport, `${at.externalUrl}/acme/profile/challenge/directory`))
    await until('a validation has been counted', async () =>
      (await serve.getMetrics('/metrics')).body.includes('certctl_acme_validations_total{'),
    )
  } finally {
    transport.close()
  }
}

async function clientOf(transport: Transport, directoryUrl: string): Promise<AcmeClient> {
  const client = await AcmeClient.connect({ directoryUrl, transport, badNonceRetries: 3 })
  assert.equal((await client.newAccount()).body.status, 'valid')
  return client
}

async function issue(client: AcmeClient): Promise<void> {
  assert.equal((await client.newOrder([])).status, 400)
  const { body: order, location } = await client.newOrder(['localhost'])
  await client.finalize(order, csrFor(['localhost']).der)
  await until('the certificate is there', async () => (await client.order(location)).body.status === 'valid')
}

async function tryToProve(client: AcmeClient): Promise<void> {
  const { body: order } = await client.newOrder(['localhost'])
  const { body: authorization } = await client.authorization(order.authorizations[0] ?? '')
  const challenge = authorization.challenges.find(({ type }) => type === 'http-01')
  await client.respond(challenge?.url ?? '')
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (await holds()) return
    await sleep(100)
  }
  throw new Error(`never came true: ${what}`)
}
