import { isDeepStrictEqual } from 'node:util'
import { readTbsCertificate } from '../certificate-reader.ts'
import type { TbsCertificate } from '../certificate-reader.ts'
import { oids } from '../der/oids.ts'
import { readBasicConstraints, readKeyUsage } from '../extension-reader.ts'
import { readNameConstraints } from '../name-constraints.ts'
import type { NameConstraints, Subtrees } from '../name-constraints.ts'
import { authorityKeyId, extensionSet, extensionValue, subjectKeyId, urlExtensions, urls } from './extensions.ts'
import type { ExpectedUrls } from './extensions.ts'
import { fieldRules } from './fields.ts'
import type { FieldExpectation } from './fields.ts'
import { applyRules, sameList } from './rules.ts'
import type { LintFinding, Rule } from './rules.ts'

/** What a CA certificate of ours must say. */
export interface CaExpectation extends FieldExpectation {
  readonly pathLength: number | undefined
  readonly nameConstraints: NameConstraints | undefined
  /** Absent in a self-signed certificate, which names no authority but itself. */
  readonly authorityKeyId: Uint8Array | undefined
  readonly urls: ExpectedUrls
}

/** Reads a CA's tbsCertificate anew and reports every way in which it breaks RFC 5280 or the expectation. */
export function lintCaTbsCertificate(tbsDer: Uint8Array, expected: CaExpectation): LintFinding[] {
  const tbs = readTbsCertificate(tbsDer)
  return [...applyRules(fieldRules, tbs, expected), ...applyRules(caRules, tbs, expected)]
}

const caRules: Readonly<Record<string, Rule<CaExpectation>>> = {
  extensions: caExtensionSet,
  'basic-constraints': basicConstraints,
  'key-usage': keyUsage,
  'name-constraints': nameConstraints,
  'subject-key-identifier': subjectKeyId,
  'authority-key-identifier': (tbs, expected) =>
    expected.authorityKeyId && authorityKeyId(tbs, expected.authorityKeyId),
  urls: (tbs, expected) => urls(tbs, expected.urls),
}

function caExtensionSet(tbs: TbsCertificate, expected: CaExpectation): string | undefined {
  return extensionSet(tbs, {
    [oids.basicConstraints]: true,
    [oids.keyUsage]: true,
    [oids.subjectKeyIdentifier]: false,
    [oids.authorityKeyIdentifier]: expected.authorityKeyId && false,
    [oids.nameConstraints]: expected.nameConstraints && true,
    ...urlExtensions(expected.urls),
  })
}

function basicConstraints(tbs: TbsCertificate, expected: CaExpectation): string | undefined {
  const { ca, pathLength } = readBasicConstraints(extensionValue(tbs, oids.basicConstraints))
  if (!ca) return 'the certificate is not a CA'
  return pathLength === expected.pathLength ? undefined : 'the path length is not the planned one'
}

function keyUsage(tbs: TbsCertificate): string | undefined {
  const found = readKeyUsage(extensionValue(tbs, oids.keyUsage))
  return sameList(found, ['keyCertSign', 'cRLSign']) ? undefined : 'the key usages are not keyCertSign and cRLSign'
}

function nameConstraints(tbs: TbsCertificate, expected: CaExpectation): string | undefined {
  if (!expected.nameConstraints) return undefined
  const found = readNameConstraints(extensionValue(tbs, oids.nameConstraints))
  return isDeepStrictEqual(comparable(found), comparable(expected.nameConstraints))
    ? undefined
    : 'the name constraints are not the planned ones'
}

function comparable({ permitted, excluded }: NameConstraints): unknown {
  const trees = (subtrees: Subtrees | undefined) =>
    subtrees && {
      dns: (subtrees.dns ?? []).map((name) => name.toLowerCase()),
      ip: (subtrees.ip ?? []).map((block) => block.toLowerCase()),
      directory: (subtrees.directoryDer ?? []).map((name) => Buffer.from(name).toString('hex')),
    }
  return { permitted: trees(permitted), excluded: trees(excluded) }
}
