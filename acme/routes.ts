import { listAccountOrders, newAccount, updateAccount } from './handlers/account.ts'
import { authorization } from './handlers/authorization.ts'
import { downloadCertificate } from './handlers/certificate.ts'
import { challenge } from './handlers/challenge.ts'
import { directory, newNonce } from './handlers/directory.ts'
import { finalizeOrder } from './handlers/finalize.ts'
import { getOrder, newOrder } from './handlers/order.ts'
import {
  accountUpdatePayload,
  authorizationPayload,
  challengePayload,
  finalizePayload,
  newAccountPayload,
  newOrderPayload,
} from './payloads.ts'
import { account, accountGet, open, selfSigned, type Route } from './route.ts'

/** The map of the server, below every directory's path. What a constructor names is what its handler may rely on. */
export const routes: readonly Route[] = [
  open('directory', 'GET', '/directory', directory),
  open('newNonce', 'GET', '/new-nonce', newNonce), // HEAD as well
  // RFC 8555 section 6.3: these two allow GET "in addition to POST-as-GET requests".
  accountGet('directory', '/directory', directory),
  accountGet('newNonce', '/new-nonce', newNonce),
  selfSigned('newAccount', '/new-account', newAccountPayload, newAccount),
  account('account', '/account/:id', accountUpdatePayload, updateAccount),
  accountGet('orders', '/account/:id/orders', listAccountOrders),
  account('newOrder', '/new-order', newOrderPayload, newOrder),
  accountGet('order', '/order/:id', getOrder, 'order'),
  account('finalize', '/order/:id/finalize', finalizePayload, finalizeOrder, 'order'),
  account('authorization', '/authz/:id', authorizationPayload, authorization, 'authorization'),
  account('challenge', '/challenge/:id', challengePayload, challenge, 'challenge'),
  accountGet('certificate', '/cert/:id', downloadCertificate, 'certificate'),
]
