import { stringify } from 'yaml'
import type { z } from 'zod'
import { certificateProfileStatus } from './certificate-profile-status.ts'
import { certificateProfileSpec } from './certificate-profile.ts'
import { issuerStatus } from './issuer-status.ts'
import { issuerSpec } from './issuer.ts'
import { structuralSchema } from './structural-schema.ts'

/** A CustomResourceDefinition, ready to be applied. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1'
  readonly kind: 'CustomResourceDefinition'
  readonly metadata: { readonly name: string }
  readonly spec: Readonly<Record<string, unknown>>
}

interface Column {
  readonly name: string
  readonly type: 'string' | 'date' | 'integer'
  readonly description: string
  readonly jsonPath: string
  /** 1: shown only with `-o wide`. */
  readonly priority?: 1
}

interface Kind {
  readonly kind: string
  readonly plural: string
  readonly shortName: string
  readonly description: string
  readonly spec: z.ZodType
  readonly status: z.ZodType
  readonly columns: readonly Column[]
}

const group = 'certctl.io'

const ready = (member: 'status' | 'reason'): string => `.status.conditions[?(@.type=="Ready")].${member}`

const readyColumns: readonly Column[] = [
  { name: 'Ready', type: 'string', description: 'Whether it does its work.', jsonPath: ready('status') },
  { name: 'Reason', type: 'string', description: 'Why, in one word.', jsonPath: ready('reason'), priority: 1 },
]

const ageColumn: Column = {
  name: 'Age',
  type: 'date',
  description: 'Time since it was created.',
  jsonPath: '.metadata.creationTimestamp',
}

const kinds: readonly Kind[] = [
  {
    kind: 'Issuer',
    plural: 'issuers',
    shortName: 'cciss',
    description: 'A certificate authority that certctl signs with.',
    spec: issuerSpec,
    status: issuerStatus,
    columns: [
      { name: 'Type', type: 'string', description: 'Where the CA comes from.', jsonPath: '.spec.type' },
      ...readyColumns,
      {
        name: 'CA Expires',
        type: 'date',
        description: 'End of the CA certificate that signs.',
        jsonPath: '.status.ca.notAfter',
      },
      {
        name: 'Profiles',
        type: 'integer',
        description: 'CertificateProfiles that use it.',
        jsonPath: '.status.boundProfiles',
        priority: 1,
      },
      ageColumn,
    ],
  },
  {
    kind: 'CertificateProfile',
    plural: 'certificateprofiles',
    shortName: 'cprof',
    description: 'An ACME directory: who may get certificates there, for which names, and what they are like.',
    spec: certificateProfileSpec,
    status: certificateProfileStatus,
    columns: [
      ...readyColumns,
      { name: 'Issuer', type: 'string', description: 'The Issuer that signs.', jsonPath: '.spec.issuerRef.name' },
      { name: 'Max', type: 'string', description: 'Longest validity.', jsonPath: '.spec.validity.max', priority: 1 },
      {
        name: 'Directory',
        type: 'string',
        description: 'URL of the ACME directory.',
        jsonPath: '.status.acme.directoryURL',
        priority: 1,
      },
      ageColumn,
    ],
  },
]

/** The CRDs of all our kinds, made from the same schemas that read the objects. */
export function customResourceDefinitions(): readonly CustomResourceDefinition[] {
  return kinds.map(customResourceDefinition)
}

/** Where the CRD of a kind lies in a folder of CRDs. */
export function crdFileName({ metadata: { name } }: CustomResourceDefinition): string {
  const plural = name.slice(0, name.indexOf('.'))
  return `${group}_${plural}.yaml`
}

/** A CRD as YAML, the same text for the same CRD. */
export function crdYaml(crd: CustomResourceDefinition): string {
  return stringify(crd, { aliasDuplicateObjects: false, lineWidth: 0 })
}

function customResourceDefinition(kind: Kind): CustomResourceDefinition {
  const { plural, shortName, columns } = kind
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural,
        singular: kind.kind.toLowerCase(),
        shortNames: [shortName],
        categories: ['certctl'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: objectSchema(kind) },
        },
      ],
    },
  }
}

function objectSchema({ description, spec, status }: Kind): Readonly<Record<string, unknown>> {
  return {
    description,
    type: 'object',
    // The API server itself refuses what is not a DNS subdomain: only length and dots are left to say.
    'x-kubernetes-validations': [
      {
        rule: 'self.metadata.name.size() <= 63',
        message: 'must have at most 63 characters',
        fieldPath: '.metadata.name',
      },
      {
        rule: "!self.metadata.name.contains('.')",
        message: 'is not a DNS label; use small letters, digits and hyphens',
        fieldPath: '.metadata.name',
      },
    ],
    required: ['spec'],
    properties: {
      apiVersion: { description: 'Group and version of the API that the object is written for.', type: 'string' },
      kind: { description: 'What the object is.', type: 'string' },
      metadata: { type: 'object', properties: { name: { type: 'string' } } },
      spec: structuralSchema(spec),
      status: structuralSchema(status),
    },
  }
}
