import { readTbsCertificate } from '../certificate-reader.ts'
import type { TbsCertificate } from '../certificate-reader.ts'
import { oids } from '../der/oids.ts'
import { readBasicConstraints, readExtKeyUsage, readKeyUsage, readSubjectAltName } from '../extension-reader.ts'
import type { LeafPlan } from '../leaf-certificate.ts'
import { findForbiddenName } from '../name-constraints.ts'
import { findForbiddenPurpose, keyUsages, usagesForKey } from '../usages.ts'
import { authorityKeyId, extensionSet, extensionValue, subjectKeyId, urlExtensions, urls } from './extensions.ts'
import { fieldRules } from './fields.ts'
import { applyRules, breach, sameList } from './rules.ts'
import type { LintFinding, Rule } from './rules.ts'

/**
 * Reads a leaf's tbsCertificate anew and reports every way in which it breaks RFC 5280 or says anything but the plan.
 * Never throws; empty means clean.
 */
export function lintTbsCertificate(tbsDer: Uint8Array, expectation: LeafPlan): LintFinding[] {
  let tbs: TbsCertificate | undefined
  const detail = breach(() => {
    tbs = readTbsCertificate(tbsDer)
    return undefined
  })
  if (!tbs) return [{ rule: 'der', detail: detail ?? 'unreadable' }]
  return [
    ...applyRules(fieldRules, tbs, { ...expectation, subject: expectation }),
    ...applyRules(leafRules, tbs, expectation),
  ]
}

const leafRules: Readonly<Record<string, Rule<LeafPlan>>> = {
  extensions: leafExtensionSet,
  'basic-constraints': (tbs) =>
    readBasicConstraints(extensionValue(tbs, oids.basicConstraints)).ca ? 'the leaf is a CA' : undefined,
  'key-usage': keyUsage,
  'extended-key-usage': extendedKeyUsage,
  'subject-alt-name': subjectAltName,
  'common-name': (_, { commonName, dnsNames }) =>
    commonName === undefined || dnsNames.includes(commonName)
      ? undefined
      : 'the common name is not one of the DNS names',
  'name-constraints': nameConstraints,
  'subject-key-identifier': subjectKeyId,
  'authority-key-identifier': (tbs, { issuer }) => authorityKeyId(tbs, issuer.subjectKeyId),
  urls: (tbs, plan) => urls(tbs, plan.urls ?? {}),
}

function leafExtensionSet(tbs: TbsCertificate, plan: LeafPlan): string | undefined {
  return extensionSet(tbs, {
    [oids.basicConstraints]: true,
    [oids.subjectAltName]: tbs.subjectDer.length === 2,
    [oids.subjectKeyIdentifier]: false,
    [oids.authorityKeyIdentifier]: false,
    [oids.keyUsage]: plan.keyUsages.length > 0 ? true : undefined,
    [oids.extKeyUsage]: plan.extendedKeyUsages.length > 0 ? false : undefined,
    ...urlExtensions(plan.urls ?? {}),
  })
}

function keyUsage(tbs: TbsCertificate, plan: LeafPlan): string | undefined {
  if (plan.keyUsages.length === 0) return undefined
  const found = readKeyUsage(extensionValue(tbs, oids.keyUsage))
  // > If the cA boolean is not asserted, then the keyCertSign bit in the key usage extension MUST NOT be asserted.
  // (section 4.2.1.9; and a leaf's CRLs would be believed by nobody)
  if (found.includes('keyCertSign') || found.includes('cRLSign')) return 'the leaf may sign certificates or CRLs'
  const possible = usagesForKey(plan.keyUsages, tbs.subjectPublicKeyInfoDer)
  const wanted = keyUsages.filter((usage) => possible.includes(usage))
  return sameList(found, wanted) ? undefined : `the key usages are ${found.join(', ')} and not ${wanted.join(', ')}`
}

function extendedKeyUsage(tbs: TbsCertificate, plan: LeafPlan): string | undefined {
  if (plan.extendedKeyUsages.length === 0) return undefined
  const found = readExtKeyUsage(extensionValue(tbs, oids.extKeyUsage))
  const wanted = plan.extendedKeyUsages.map((usage) => oids[usage])
  if (!sameList(found, wanted)) return 'the extended key usages are not the planned ones'
  if (new Set(found).size !== found.length) return 'an extended key usage comes twice'
  const { extendedKeyUsages, inherited } = plan.issuer
  const forbidden = findForbiddenPurpose(plan.extendedKeyUsages, [extendedKeyUsages, ...inherited.extendedKeyUsages])
  return forbidden && `${forbidden} is not among the extended key usages of the issuing CA`
}

/**
 * The preferred name syntax of RFC 1034 that section 4.2.1.6 demands; a wildcard only as the whole first label; a last
 * label that isn't a number, which would be an IPv4 address in disguise.
 */
const dnsName = /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

function subjectAltName(tbs: TbsCertificate, plan: LeafPlan): string | undefined {
  const names = readSubjectAltName(extensionValue(tbs, oids.subjectAltName))
  const found = names.map(({ type, value }) => `${type}:${value}`)
  const wanted = [...plan.dnsNames.map((name) => `dns:${name}`), ...plan.ipAddresses.map((address) => `ip:${address}`)]
  if (!sameList(found, wanted)) return 'the names are not the planned ones'
  if (new Set(found).size !== found.length) return 'a name comes twice'
  const bad = names.find(({ type, value }) => type === 'dns' && (value.length > 253 || !dnsName.test(value)))
  return bad && `${bad.value} is not a DNS name in lower case`
}

function nameConstraints(tbs: TbsCertificate, { issuer }: LeafPlan): string | undefined {
  const names = readSubjectAltName(extensionValue(tbs, oids.subjectAltName))
  const forbidden = findForbiddenName(
    {
      dnsNames: names.filter(({ type }) => type === 'dns').map(({ value }) => value),
      ipAddresses: names.filter(({ type }) => type === 'ip').map(({ value }) => value),
      subjectDer: tbs.subjectDer,
    },
    [issuer.nameConstraints, ...issuer.inherited.nameConstraints],
  )
  return forbidden && `${forbidden} is not permitted by the name constraints of the issuing CA`
}
