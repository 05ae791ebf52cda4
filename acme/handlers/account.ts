import { deactivateAccount, findAccountByThumbprint, insertAccount, updateContacts } from '../../store/accounts.ts'
import { newId, type AccountId, type OrderId } from '../../store/schema.ts'
import { listOrders } from '../../store/orders.ts'
import { unknownAddress } from '../client-address.ts'
import type { AcmeDeps } from '../deps.ts'
import type { Links } from '../links.ts'
import type { AccountUpdatePayload, NewAccountPayload } from '../payloads.ts'
import { problem } from '../problems.ts'
import { enforce, mergeRateLimits, newAccountCharge } from '../rate-limits/limits.ts'
import type { Reply } from '../reply.ts'
import type { AccountRequest, SelfSignedRequest } from '../request.ts'
import { isResourceId } from '../resource-ids.ts'
import { accountObject, type AccountResource } from '../resources.ts'

/** RFC 8555 section 7.3. A key that is known already gets its account back, whatever else the payload says. */
export async function newAccount(deps: AcmeDeps, request: SelfSignedRequest<NewAccountPayload>): Promise<Reply> {
  const { directory, key, links, payload } = request
  const existing = await findAccountByThumbprint(deps.db, { directory: directory.key, thumbprint: key.thumbprint })
  if (existing) return existingAccount(existing, links)
  if (payload.onlyReturnExisting) {
    // Section 7.3.1; no other demand (terms, bindings) is made of a client that only asks.
    throw problem.accountDoesNotExist(
      'No account exists for this key; register it with newAccount without onlyReturnExisting.',
    )
  }
  assertTermsAgreed(request)
  return register(deps, request)
}

async function register(deps: AcmeDeps, request: SelfSignedRequest<NewAccountPayload>): Promise<Reply> {
  const { directory, key, links, payload } = request
  const limits = mergeRateLimits(deps.config.rateLimits, directory.profile.policy.rateLimits)
  const charges = [newAccountCharge(limits, directory.key, request.clientAddress)]
  await enforce(deps.limiter, charges)
  try {
    const id = newId<AccountId>()
    const { account, created } = await insertAccount(deps.db, {
      id,
      directory: directory.key,
      jwk: key.jwk,
      thumbprint: key.thumbprint,
      contacts: payload.contact ?? [],
      ...(payload.termsOfServiceAgreed && { termsAgreedAt: request.now }),
      ...(request.clientAddress !== unknownAddress && { createdFrom: request.clientAddress }),
      actor: `acme:${id}`,
    })
    if (!created) {
      await deps.limiter.refund(charges)
      return existingAccount(account, links)
    }
    return {
      status: 201,
      location: links.account(account.id),
      json: accountObject(account, links),
      resourceId: account.id,
    }
  } catch (error) {
    await deps.limiter.refund(charges)
    throw error
  }
}

function existingAccount(account: AccountResource, links: Links): Reply {
  if (account.status !== 'valid') {
    throw problem.unauthorized(`The account of this key is ${account.status}; register with another key.`, {
      status: 401,
    })
  }
  return {
    status: 200,
    location: links.account(account.id),
    json: accountObject(account, links),
    resourceId: account.id,
  }
}

function assertTermsAgreed({ directory, links, payload }: SelfSignedRequest<NewAccountPayload>): void {
  const { termsOfService } = directory.profile.policy.meta
  if (termsOfService === undefined || payload.termsOfServiceAgreed) return
  throw problem.userActionRequired(
    `Agree to the terms of service at ${termsOfService}: send "termsOfServiceAgreed": true.`,
    {
      instance: termsOfService,
      headers: { Link: `<${termsOfService}>;rel="terms-of-service"`, Location: links.newAccount },
    },
  )
}

/** RFC 8555 sections 7.3.2 (contacts), 7.3.6 (deactivation) and 6.3 (read). */
export async function updateAccount(
  deps: AcmeDeps,
  request: AccountRequest<AccountUpdatePayload, 'none'>,
): Promise<Reply> {
  const { account, links, payload } = request
  assertOwnAccount(request)
  if (payload.deactivate) {
    await deactivateAccount(deps.db, { id: account.id, actor: `acme:${account.id}` })
    return accountReply({ ...account, status: 'deactivated' }, links)
  }
  if (payload.contact === undefined) return accountReply({ ...account, status: 'valid' }, links)
  await updateContacts(deps.db, { id: account.id, contacts: payload.contact, actor: `acme:${account.id}` })
  return accountReply({ ...account, status: 'valid', contacts: payload.contact }, links)
}

function accountReply(account: AccountResource, links: Links): Reply {
  return {
    status: 200,
    location: links.account(account.id),
    json: accountObject(account, links),
    resourceId: account.id,
  }
}

const ordersPerPage = 100

/** RFC 8555 section 7.1.2.1, in pages: the cursor is the last order of the page before. */
export async function listAccountOrders(deps: AcmeDeps, request: AccountRequest<undefined, 'none'>): Promise<Reply> {
  assertOwnAccount(request)
  const { account, links, query } = request
  const cursor = query.get('cursor')
  const ids = await listOrders(deps.db, account.id, {
    limit: ordersPerPage + 1,
    ...(cursor !== null && { after: parseCursor(cursor) }),
  })
  const page = ids.slice(0, ordersPerPage)
  const last = page.at(-1)
  const more = ids.length > page.length && last !== undefined
  return {
    status: 200,
    json: { orders: page.map((id) => links.order(id)) },
    ...(more && { links: [{ relation: 'next', url: `${links.orders(account.id)}?cursor=${last}` }] }),
  }
}

function parseCursor(cursor: string): OrderId {
  if (isResourceId(cursor)) return cursor as OrderId
  throw problem.malformed(
    'The "cursor" is not one that this server gave; follow the Link with rel="next" as it stands.',
  )
}

function assertOwnAccount({ account, id }: AccountRequest<unknown, 'none'>): void {
  if (account.id === id) return
  throw problem.unauthorized('An account may read and change only itself; use the URL that is your "kid".')
}
