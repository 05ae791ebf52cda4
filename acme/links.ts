/** The URLs of one ACME directory, made from a configured external URL and from nothing a client sent. */
export interface Links {
  readonly directory: string
  readonly newNonce: string
  readonly newAccount: string
  readonly newOrder: string
  account(id: string): string
  orders(accountId: string): string
  order(id: string): string
  finalize(orderId: string): string
  authorization(id: string): string
  challenge(id: string): string
  certificate(id: string): string
}

/** Promises the links below `base`, an external URL plus the directory's path, without a slash at its end. */
export function createLinks(base: string): Links {
  return {
    directory: `${base}/directory`,
    newNonce: `${base}/new-nonce`,
    newAccount: `${base}/new-account`,
    newOrder: `${base}/new-order`,
    account: (id) => `${base}/account/${id}`,
    orders: (accountId) => `${base}/account/${accountId}/orders`,
    order: (id) => `${base}/order/${id}`,
    finalize: (orderId) => `${base}/order/${orderId}/finalize`,
    authorization: (id) => `${base}/authz/${id}`,
    challenge: (id) => `${base}/challenge/${id}`,
    certificate: (id) => `${base}/cert/${id}`,
  }
}
