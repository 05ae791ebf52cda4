/** What `newId` of the store makes: 128 bits in base64url. */
const resourceId = /^[A-Za-z0-9_-]{22}$/

/** Whether a path or a cursor could name one of our resources. Nothing else is let through to the database. */
export function isResourceId(text: string): boolean {
  return resourceId.test(text)
}
