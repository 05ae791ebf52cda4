import { decodeBase64url } from './jose/base64url.ts'
import { parseJsonObject, type JsonObject } from './jose/json.ts'
import { problem } from './problems.ts'

/** What clients may say, RFC 8555 section 7. Members that no section names are ignored, as section 7.1 demands. */

export interface NewAccountPayload {
  readonly contact?: readonly string[]
  readonly termsOfServiceAgreed: boolean
  readonly onlyReturnExisting: boolean
}

export interface AccountUpdatePayload {
  readonly contact?: readonly string[]
  readonly deactivate: boolean
}

export interface NewOrderPayload {
  /** As the client sent it; judged by `parseIdentifiers`. */
  readonly identifiers: unknown
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly profile?: string
}

export interface FinalizePayload {
  readonly csrDer: Buffer
}

/** A read is a POST with an empty payload, section 6.3. */
export function emptyPayload(payload: Buffer): undefined {
  if (payload.length === 0) return undefined
  throw problem.malformed(
    'This resource is read with POST-as-GET: send an empty payload (""), see RFC 8555 section 6.3.',
  )
}

export function newAccountPayload(payload: Buffer): NewAccountPayload {
  const members = objectOf(payload)
  if (members['externalAccountBinding'] !== undefined) {
    throw problem.malformed('External account bindings are not offered here; register without one.')
  }
  return {
    ...contactMember(members),
    termsOfServiceAgreed: booleanMember(members, 'termsOfServiceAgreed'),
    onlyReturnExisting: booleanMember(members, 'onlyReturnExisting'),
  }
}

/** An empty payload reads the account (POST-as-GET); so does `{}`, which clients send to check that it exists. */
export function accountUpdatePayload(payload: Buffer): AccountUpdatePayload {
  if (payload.length === 0) return { deactivate: false }
  const members = objectOf(payload)
  return { ...contactMember(members), deactivate: deactivateMember(members) }
}

export function newOrderPayload(payload: Buffer): NewOrderPayload {
  const members = objectOf(payload)
  return {
    identifiers: members['identifiers'],
    ...dateMember(members, 'notBefore'),
    ...dateMember(members, 'notAfter'),
    ...profileMember(members),
  }
}

/** Reads the authorization, or deactivates it (section 7.5.2). */
export function authorizationPayload(payload: Buffer): { readonly deactivate: boolean } {
  if (payload.length === 0) return { deactivate: false }
  const members = objectOf(payload)
  if (members['status'] === undefined) {
    throw problem.malformed(
      'Send {"status":"deactivated"} to give the authorization up, or an empty payload to read it.',
    )
  }
  return { deactivate: deactivateMember(members) }
}

/** Section 7.5.1: the response to a challenge is an empty object; an empty payload only reads it. */
export function challengePayload(payload: Buffer): { readonly respond: boolean } {
  if (payload.length === 0) return { respond: false }
  objectOf(payload)
  return { respond: true }
}

export function finalizePayload(payload: Buffer): FinalizePayload {
  const { csr } = objectOf(payload)
  const csrDer = typeof csr === 'string' ? decodeBase64url(csr) : undefined
  if (!csrDer || csrDer.length === 0) {
    throw problem.malformed(
      '"csr" must be the base64url of a DER certificate request, without padding and without PEM lines.',
    )
  }
  return { csrDer }
}

/** Members that are null are left out: clients send them, and the servers they were written against take them so. */
function objectOf(payload: Buffer): JsonObject {
  const members = Object.entries(parseJsonObject(payload, 'The payload'))
  return Object.fromEntries(members.filter(([, value]) => value !== null))
}

function booleanMember(members: JsonObject, name: string): boolean {
  const value = members[name]
  if (value === undefined || typeof value === 'boolean') return value ?? false
  throw problem.malformed(`"${name}" must be true or false.`)
}

function deactivateMember(members: JsonObject): boolean {
  if (members['status'] === undefined) return false
  // Sections 7.3.6 and 7.5.2 let a client set this one status.
  if (members['status'] === 'deactivated') return true
  throw problem.malformed('The only "status" a client may set is "deactivated".')
}

function dateMember(members: JsonObject, name: 'notBefore' | 'notAfter'): { notBefore?: Date; notAfter?: Date } {
  const value = members[name]
  if (value === undefined) return {}
  const date = typeof value === 'string' && rfc3339.test(value) ? new Date(value) : undefined
  if (!date || Number.isNaN(date.getTime())) {
    throw problem.malformed(`"${name}" must be a date like 2030-01-02T03:04:05Z (RFC 3339).`)
  }
  return { [name]: date }
}

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/

function profileMember(members: JsonObject): { profile?: string } {
  const { profile } = members
  if (profile === undefined) return {}
  if (typeof profile === 'string') return { profile }
  throw problem.malformed('"profile" must be the name of a profile from the directory\'s meta.profiles.')
}

const maxContacts = 10
const longestContact = 320

function contactMember(members: JsonObject): { contact?: readonly string[] } {
  const { contact } = members
  if (contact === undefined) return {}
  if (!Array.isArray(contact) || contact.length > maxContacts) {
    throw problem.malformed(`"contact" must be an array of at most ${maxContacts} mailto URLs.`)
  }
  return { contact: contact.map(parseContact) }
}

/** An addr-spec of RFC 5322 without quoting; `?` would begin hfields and `%` hide anything. */
const mailAddress = /^[A-Za-z0-9.!#$&'*+/=^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/

/** Section 7.3: a mailto URL with one address and no header fields. */
function parseContact(contact: unknown): string {
  if (typeof contact !== 'string' || contact.length > longestContact) {
    throw problem.invalidContact(
      `Every "contact" must be a string of at most ${longestContact} characters, like "mailto:admin@example.com".`,
    )
  }
  if (!contact.startsWith('mailto:')) {
    throw problem.unsupportedContact('Only "mailto:" contacts are supported, like "mailto:admin@example.com".')
  }
  const address = contact.slice('mailto:'.length)
  // > Clients MUST NOT provide a "mailto" URL in the "contact" field that contains "hfields" [RFC6068] or more than one "addr-spec"
  if (!mailAddress.test(address)) {
    throw problem.invalidContact(
      'A "mailto:" contact must hold one plain address, without header fields, like "mailto:admin@example.com".',
    )
  }
  return contact
}
