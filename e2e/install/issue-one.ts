import assert from 'node:assert/strict'
import { publishedRoot, verifyUpTo } from '../cluster/issued.ts'
import { order, registerAccount } from '../cluster/plain-acme.ts'
import { sampleDomain } from './release.ts'
import type { Release } from './release.ts'

/** Gets a certificate, trusting the listener by this CA alone, and verifies it. */
export async function issueOne(
  release: Release,
  rootPem: string,
  issuer: { name: string; namespace: string },
): Promise<void> {
  const { directoryUrl } = await release.target()
  const names = [`one.${sampleDomain}`]
  const chain = await order(await registerAccount(directoryUrl, rootPem), names)
  await verifyUpTo(await publishedRoot(release.ground, issuer), chain, names)
  assert.match(directoryUrl, new RegExp(`^https://${release.fullname}[.]${release.namespace}[.]svc:8443/`))
}
