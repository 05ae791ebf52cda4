import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

/** A schema, as OpenAPI 2, OpenAPI 3 and JSON Schema have in common; other members are taken over as they are. */
interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly nullable?: boolean
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly format?: string
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[]
}

/** What the API server answers to /openapi/v2, so far as it is used here. */
export interface OpenApi {
  readonly definitions: Readonly<Record<string, Schema>>
}

interface Definition {
  readonly spec: {
    readonly group: string
    readonly names: { readonly kind: string }
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[]
  }
}

const metadataRef = '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

/** Types whose wire form OpenAPI 2 can not say: Kubernetes takes a number for either. */
const wireForms: Readonly<Record<string, Schema>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: ['string', 'number'] },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: ['string', 'integer'] },
}

/**
 * JSON Schemas of Kubernetes' kinds and of those that CustomResourceDefinitions define, which know no member beyond
 * those they name, wherever they name any.
 */
export class JsonSchemas {
  readonly #definitions = new Map<string, Schema>()
  /** By `apiVersion kind`. */
  readonly #kinds = new Map<string, Schema>()

  constructor(api: OpenApi) {
    for (const [name, schema] of Object.entries(api.definitions)) {
      this.#definitions.set(name, wireForms[name] ?? strict(schema))
      for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
        this.#kinds.set(`${apiVersionOf(group, version)} ${kind}`, { $ref: `#/definitions/${name}` })
      }
    }
  }

  /** Takes the kinds that the files of a folder define; what the API server says of the same kinds counts no more. */
  async addDefinitions(folder: string): Promise<void> {
    for (const file of (await readdir(folder)).filter((name) => name.endsWith('.yaml'))) {
      for (const document of parseAllDocuments(await readFile(join(folder, file), 'utf8'))) {
        // Only CustomResourceDefinitions are in these folders.
        const { group, names, versions } = (document.toJS() as Definition).spec
        for (const { name, schema } of versions) {
          this.#kinds.set(`${apiVersionOf(group, name)} ${names.kind}`, rootOf(schema.openAPIV3Schema))
        }
      }
    }
  }

  /** The kind's schema with all that it refers to; undefined where there is no such kind. */
  find(apiVersion: string, kind: string): object | undefined {
    const root = this.#kinds.get(`${apiVersion} ${kind}`)
    if (root === undefined) return undefined
    const definitions = new Map<string, Schema>()
    this.#collect(root, definitions)
    return { ...root, definitions: Object.fromEntries(definitions) }
  }

  #collect(schema: Schema, into: Map<string, Schema>): void {
    for (const name of referred(schema)) {
      if (into.has(name)) continue
      const found = this.#definitions.get(name)
      if (found === undefined) throw new Error(`the API server does not define ${name}`)
      into.set(name, found)
      this.#collect(found, into)
    }
  }
}

/** What the API server adds to the schema of a CustomResourceDefinition. */
function rootOf(schema: Schema): Schema {
  const root = strict(schema)
  return { ...root, properties: { ...root.properties, metadata: { $ref: metadataRef } } }
}

function apiVersionOf(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`
}

/** The same for JSON Schema, and closed. What is below `oneOf` and the like stays: it names only some of the members. */
function strict(schema: Schema): Schema {
  const { description: _description, nullable: _nullable, properties, items, additionalProperties, ...others } = schema
  return {
    ...others,
    ...typeOf(schema),
    ...(properties !== undefined && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, strict(each)])),
    }),
    ...(items !== undefined && { items: strict(items) }),
    ...additionalOf(properties !== undefined && !schema['x-kubernetes-preserve-unknown-fields'], additionalProperties),
  }
}

function typeOf({ type, nullable, ...schema }: Schema): Pick<Schema, 'type'> {
  const known = schema['x-kubernetes-int-or-string'] || schema.format === 'int-or-string' ? ['string', 'integer'] : type
  if (known === undefined || !nullable) return known === undefined ? {} : { type: known }
  return { type: [...(typeof known === 'string' ? [known] : known), 'null'] }
}

function additionalOf(closed: boolean, given: Schema | boolean | undefined): Pick<Schema, 'additionalProperties'> {
  if (typeof given === 'object') return { additionalProperties: strict(given) }
  if (given !== undefined) return { additionalProperties: given }
  return closed ? { additionalProperties: false } : {}
}

/** Names of the definitions that a schema refers to itself. */
function referred({ $ref, properties = {}, items, additionalProperties }: Schema): string[] {
  const below = [...Object.values(properties), items, additionalProperties].filter((each) => typeof each === 'object')
  return [...($ref === undefined ? [] : [$ref.replace('#/definitions/', '')]), ...below.flatMap(referred)]
}
