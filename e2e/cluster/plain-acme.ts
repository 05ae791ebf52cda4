import { AcmeClient } from '../../acme/testing/acme-client.ts'
import { csrFor } from '../../acme/testing/csr.ts'
import { createTransport } from '../../acme/testing/http.ts'
import { until } from './wait.ts'

/** A client of the directory with an account, which trusts only this CA for the listener. */
export async function registerAccount(directoryUrl: string, rootPem: string): Promise<AcmeClient> {
  const client = await AcmeClient.connect({ directoryUrl, transport: createTransport({ rootPem }), badNonceRetries: 3 })
  const { body } = await client.newAccount()
  if (body.status !== 'valid') throw new Error(`the new account is ${body.status}`)
  return client
}

/** Finishes an order that is ready, or soon will be, and returns the chain. */
export async function finish(client: AcmeClient, orderUrl: string, names: readonly string[]): Promise<string> {
  const { body: order } = await client.order(orderUrl)
  const { body: begun } = await client.finalize(order, csrFor(names).der)
  const valid = await until({ what: `order ${orderUrl} to be valid`, seconds: 20 }, async () => {
    const { body } = begun.status === 'valid' ? { body: begun } : await client.order(orderUrl)
    return body.status === 'valid' ? body : undefined
  })
  const { body: chain } = await client.certificate(valid.certificate ?? '')
  return chain
}

/** Orders a certificate where every account is trusted, and returns the chain. */
export async function order(client: AcmeClient, names: readonly string[]): Promise<string> {
  const { location } = await client.newOrder(names)
  return finish(client, location, names)
}
