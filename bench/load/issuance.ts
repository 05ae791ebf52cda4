import { X509Certificate, type KeyObject } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import { readResource, UnexpectedReply, type Account, type AcmeConnection, type Reply, type Resource } from './acme.ts'
import type { Responder } from './responder.ts'

/** What is made before the clock runs: names never used before and a request for them. */
export interface PreparedOrder {
  names: string[]
  csr: string
  publicKey: KeyObject
}

export interface Polls {
  authorization: number
  order: number
}

interface Issuing {
  acme: AcmeConnection
  account: Account
  pollMs: number
  polls: Polls
}

const patienceMs = 30_000

/**
 * One whole issuance: newOrder, the authorizations' http-01 challenges unless the order is born ready, finalize,
 * certificate. Gives the PEM chain; every other end is thrown. Retry-After is ignored, so that a server isn't measured
 * by how long it asks its clients to wait.
 */
export async function issueCertificate(
  issuing: Issuing,
  order: PreparedOrder,
  responder: Responder | undefined,
): Promise<string> {
  const { acme, account } = issuing
  const created = await acme.newOrder(account, { identifiers: order.names.map((value) => ({ type: 'dns', value })) })
  const opened = readResource('newOrder', created, 201)
  const orderUrl = created.location
  if (!orderUrl || !opened.finalize || !opened.authorizations) throw new UnexpectedReply('newOrder', created)
  if (opened.status === 'pending') {
    if (!responder) throw new UnexpectedReply('newOrder pending in trust mode', created)
    await authorize(issuing, opened.authorizations, responder)
  }
  const finalized = await acme.post(account, opened.finalize, { csr: order.csr })
  const certificateUrl = await untilValid(issuing, orderUrl, finalized)
  const download = await acme.post(account, certificateUrl, '')
  if (download.status !== 200) throw new UnexpectedReply('certificate', download)
  return download.body
}

async function authorize(issuing: Issuing, urls: readonly string[], responder: Responder): Promise<void> {
  const { acme, account, polls } = issuing
  const answered: { url: string; token: string; valid: boolean }[] = []
  for (const url of urls) {
    const fetched = await acme.post(account, url, '')
    const challenge = readResource('authorization', fetched, 200).challenges?.find(({ type }) => type === 'http-01')
    if (!challenge) throw new UnexpectedReply('authorization without http-01', fetched)
    responder.expect(challenge.token, `${challenge.token}.${account.thumbprint}`)
    const reply = readResource('challenge', await acme.post(account, challenge.url, {}), 200)
    answered.push({ url, token: challenge.token, valid: reply.status === 'valid' })
  }
  try {
    for (const { url, valid } of answered) {
      // A server that validated inside the POST is asked at once, the others are given one interval.
      if (!valid) await sleep(issuing.pollMs)
      await poll(issuing, { step: 'authorization', url, counted: () => polls.authorization++ })
    }
  } finally {
    for (const { token } of answered) responder.forget(token)
  }
}

async function untilValid(issuing: Issuing, orderUrl: string, finalized: Reply): Promise<string> {
  let order = readResource('finalize', finalized, 200)
  if (order.status === 'processing') {
    await sleep(issuing.pollMs)
    order = await poll(issuing, { step: 'order', url: orderUrl, counted: () => issuing.polls.order++ })
  }
  if (order.status !== 'valid' || !order.certificate) throw new UnexpectedReply(`finalize ${order.status}`, finalized)
  return order.certificate
}

async function poll(issuing: Issuing, target: { step: string; url: string; counted: () => void }): Promise<Resource> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    target.counted()
    const reply = await issuing.acme.post(issuing.account, target.url, '')
    const resource = readResource(`${target.step} poll`, reply, 200)
    if (resource.status === 'valid') return resource
    if (resource.status !== 'pending' && resource.status !== 'processing') {
      throw new UnexpectedReply(`${target.step} ${resource.status}`, reply)
    }
    if (performance.now() > deadline) throw new UnexpectedReply(`${target.step} still ${resource.status}`, reply)
    await sleep(issuing.pollMs)
  }
}

/** Says what is wrong with an issued chain: a fast server of wrong certificates has no speed. */
export function certificateFault(chainPem: string, order: PreparedOrder): string | undefined {
  const certificates = chainPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const [leaf, issuer] = certificates.map((pem) => new X509Certificate(pem))
  if (!leaf) return 'no certificate in the download'
  const spki = { format: 'der', type: 'spki' } as const
  if (!leaf.publicKey.export(spki).equals(order.publicKey.export(spki))) return 'the key is not the requested one'
  const names = leaf.subjectAltName?.split(', ').toSorted().join(', ')
  const wanted = order.names
    .map((name) => `DNS:${name}`)
    .toSorted()
    .join(', ')
  if (names !== wanted) return `the names are ${names}`
  if (issuer && !leaf.verify(issuer.publicKey)) return 'the signature is not by the next certificate of the chain'
  return undefined
}
