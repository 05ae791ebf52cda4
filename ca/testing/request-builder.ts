import { sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { oids } from '../der/oids.ts'
import { tag } from '../der/tags.ts'
import {
  bitString,
  booleanTrue,
  contextConstructed,
  element,
  octetString,
  oid,
  sequence,
  smallInteger,
} from '../der/writer.ts'
import { signatureAlgorithmFor, signatureAlgorithms } from '../signature-algorithms.ts'
import { spkiOf } from './builders.ts'

/** Parts of a PKCS#10 request; what is left out is as a sound client writes it. */
export interface RequestParts {
  readonly version?: Uint8Array
  readonly subjectDer?: Uint8Array
  readonly subjectPublicKeyInfoDer?: Uint8Array
  /** Attributes one after another. */
  readonly attributes?: readonly Uint8Array[] | 'left out'
  readonly extensions?: readonly Uint8Array[]
  readonly algorithmDer?: Uint8Array
  readonly trailing?: Uint8Array
}

/** A request, signed whatever is wrong with it. */
export function aRequest(privateKey: KeyObject, parts: RequestParts = {}): Uint8Array {
  const algorithm = signatureAlgorithms[signatureAlgorithmFor(privateKey)]
  const attributes = parts.attributes ?? (parts.extensions ? [extensionRequest(...parts.extensions)] : [])
  const info = sequence(
    parts.version ?? smallInteger(0),
    parts.subjectDer ?? sequence(),
    parts.subjectPublicKeyInfoDer ?? spkiOf(privateKey),
    ...(attributes === 'left out' ? [] : [contextConstructed(0, ...attributes)]),
  )
  const signature = sign(algorithm.digest, info, privateKey)
  return sequence(
    info,
    parts.algorithmDer ?? algorithm.identifierDer,
    bitString(signature),
    ...(parts.trailing ? [parts.trailing] : []),
  )
}

export function attribute(type: string, ...values: Uint8Array[]): Uint8Array {
  return sequence(oid(type), element(tag.set, ...values))
}

export function extensionRequest(...extensions: Uint8Array[]): Uint8Array {
  return attribute(oids.extensionRequest, sequence(...extensions))
}

export function extension(type: string, valueDer: Uint8Array, critical = false): Uint8Array {
  return sequence(oid(type), ...(critical ? [booleanTrue] : []), octetString(valueDer))
}

/** A subjectAltName of GeneralNames given as tag and contents. */
export function subjectAltName(...names: [tag: number, contents: string | Uint8Array][]): Uint8Array {
  const list = names.map(([type, contents]) => element(type, Buffer.from(contents)))
  return extension(oids.subjectAltName, sequence(...list))
}
