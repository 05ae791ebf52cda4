import { parse } from 'yaml'

type Kind = 'Issuer' | 'CertificateProfile'

/** An object with a spec in YAML. */
export function object(kind: Kind, spec: string, name = 'a'): unknown {
  return { apiVersion: 'certctl.io/v1alpha1', kind, metadata: { name }, spec: parse(spec) as unknown }
}

/** The spec of a root CA with more members of `selfSigned`. */
export function selfSigned(members = ''): string {
  return `{type: SelfSigned, selfSigned: {subject: {commonName: X}, ${members}}}`
}

/** The spec of an intermediate CA with more members of `subordinate`. */
export function subordinate(members: string): string {
  return `{type: Subordinate, subordinate: {subject: {commonName: X}, ${members}}}`
}

/** The spec of an Issuer with members of `allowedProfiles`. */
export function allowing(members: string): string {
  return `{type: CASecret, caSecret: {secretRef: {name: a}}, allowedProfiles: {${members}}}`
}

/** The spec of an Issuer that selects namespaces. */
export function selecting(selector: string): string {
  return allowing(`namespaces: {from: Selector, selector: ${selector}}`)
}

/** The spec of a profile in Challenge mode with more members. */
export function challenge(members: string): string {
  return `{issuerRef: {name: a}, acme: {authMode: Challenge}, ${members}}`
}

/** The spec of a profile in Challenge mode with more members of `acme`. */
export function acme(members = ''): string {
  return `{issuerRef: {name: a}, acme: {authMode: Challenge, ${members}}}`
}
