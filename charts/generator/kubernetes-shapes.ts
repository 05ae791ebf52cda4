import { listOf, strictObject } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { cidr } from './text-shapes.ts'

/*
 * Objects of Kubernetes that values may hold, with every field they have: a slip in them is told at render time too, and
 * not only by the API server.
 */

const string: JsonSchema = { type: 'string' }
const boolean: JsonSchema = { type: 'boolean' }
const integer: JsonSchema = { type: 'integer' }
const quantity: JsonSchema = {
  type: ['string', 'integer', 'number', 'null'],
  pattern: '^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$',
}

const nullable = (type: string, more: JsonSchema = {}): JsonSchema => ({ type: [type, 'null'], ...more })

const keyName = '[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?'
const labelKey = `^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?${keyName}$`
const annotationKey = `^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?/)?${keyName}$`
const labelValue = '^([A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?)?$'

/** Not by propertyNames: Helm 4 would not say where. */
const mapOf = (key: string, value: JsonSchema): JsonSchema => ({
  type: 'object',
  patternProperties: { [key]: value },
  additionalProperties: false,
})

const labels = mapOf(labelKey, { type: 'string', pattern: labelValue })

const labelSelector = strictObject({
  matchLabels: labels,
  matchExpressions: listOf(
    strictObject(
      { key: string, operator: { enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }, values: listOf(string) },
      { required: ['key', 'operator'] },
    ),
  ),
})

const nodeSelectorTerm = strictObject({
  matchExpressions: listOf(
    strictObject({ key: string, operator: string, values: listOf(string) }, { required: ['key', 'operator'] }),
  ),
  matchFields: listOf(
    strictObject({ key: string, operator: string, values: listOf(string) }, { required: ['key', 'operator'] }),
  ),
})

const podAffinityTerm = strictObject(
  {
    labelSelector,
    namespaceSelector: labelSelector,
    namespaces: listOf(string),
    topologyKey: string,
    matchLabelKeys: listOf(string),
    mismatchLabelKeys: listOf(string),
  },
  { required: ['topologyKey'] },
)

const podAffinity = strictObject({
  requiredDuringSchedulingIgnoredDuringExecution: listOf(podAffinityTerm),
  preferredDuringSchedulingIgnoredDuringExecution: listOf(
    strictObject({ weight: { type: 'integer', minimum: 1, maximum: 100 }, podAffinityTerm }),
  ),
})

const keyRef = strictObject({ name: string, key: string, optional: boolean }, { required: ['name', 'key'] })

/** What others bring has a name with a slash. */
const amounts = {
  ...mapOf('^(cpu|memory|ephemeral-storage|hugepages-[A-Za-z0-9]+|[^/]+/[^/]+)$', quantity),
  type: ['object', 'null'],
}

const peers = listOf(
  strictObject({
    podSelector: labelSelector,
    namespaceSelector: labelSelector,
    ipBlock: strictObject({ cidr, except: listOf(cidr) }, { required: ['cidr'] }),
  }),
)

const policyPorts = listOf(
  strictObject({
    port: { type: ['integer', 'string'], minimum: 1, maximum: 65535 },
    endPort: { type: 'integer', minimum: 1, maximum: 65535 },
    protocol: { enum: ['TCP', 'UDP', 'SCTP'] },
  }),
)

const relabelActions =
  'Replace Keep Drop HashMod LabelMap LabelDrop LabelKeep Lowercase Uppercase KeepEqual DropEqual'.split(' ')

/** By the name that `@shape` uses in values.yaml. */
export const kubernetesShapes: Readonly<Record<string, JsonSchema>> = {
  ports: { type: 'array', minItems: 1, items: { type: 'integer', minimum: 1, maximum: 65535 } },
  labels,
  annotations: mapOf(annotationKey, string),
  prometheusLabels: mapOf('^[a-zA-Z_][a-zA-Z0-9_]*$', string),
  postgresParameters: mapOf('^[A-Za-z_][A-Za-z0-9_.]*$', string),
  localObjectReferences: listOf(strictObject({ name: string }, { required: ['name'] })),
  resources: strictObject({
    requests: amounts,
    limits: amounts,
    claims: listOf(strictObject({ name: string, request: string }, { required: ['name'] })),
  }),
  tolerations: listOf(
    strictObject({
      key: string,
      operator: { enum: ['Exists', 'Equal'] },
      value: string,
      effect: { enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] },
      tolerationSeconds: integer,
    }),
  ),
  affinity: strictObject({
    nodeAffinity: strictObject({
      requiredDuringSchedulingIgnoredDuringExecution: strictObject({ nodeSelectorTerms: listOf(nodeSelectorTerm) }),
      preferredDuringSchedulingIgnoredDuringExecution: listOf(
        strictObject({ weight: { type: 'integer', minimum: 1, maximum: 100 }, preference: nodeSelectorTerm }),
      ),
    }),
    podAffinity,
    podAntiAffinity: podAffinity,
  }),
  topologySpreadConstraints: listOf(
    strictObject(
      {
        maxSkew: { type: 'integer', minimum: 1 },
        minDomains: { type: 'integer', minimum: 1 },
        topologyKey: string,
        whenUnsatisfiable: { enum: ['DoNotSchedule', 'ScheduleAnyway'] },
        labelSelector,
        matchLabelKeys: listOf(string),
        nodeAffinityPolicy: { enum: ['Honor', 'Ignore'] },
        nodeTaintsPolicy: { enum: ['Honor', 'Ignore'] },
      },
      { required: ['maxSkew', 'topologyKey', 'whenUnsatisfiable'] },
    ),
  ),
  podSecurityContext: strictObject({
    runAsNonRoot: nullable('boolean'),
    runAsUser: nullable('integer', { minimum: 1 }),
    runAsGroup: nullable('integer', { minimum: 0 }),
    fsGroup: nullable('integer', { minimum: 0 }),
    fsGroupChangePolicy: { enum: ['Always', 'OnRootMismatch', null] },
    supplementalGroups: listOf(integer),
    supplementalGroupsPolicy: { enum: ['Merge', 'Strict', null] },
    seccompProfile: strictObject(
      { type: { enum: ['RuntimeDefault', 'Localhost'] }, localhostProfile: string },
      { type: ['object', 'null'] },
    ),
    seLinuxOptions: strictObject({ level: string, role: string, type: string, user: string }),
    appArmorProfile: strictObject({ type: { enum: ['RuntimeDefault', 'Localhost'] }, localhostProfile: string }),
    sysctls: listOf(strictObject({ name: string, value: string })),
  }),
  environment: listOf(
    strictObject(
      {
        name: { type: 'string', minLength: 1 },
        value: string,
        valueFrom: strictObject({
          secretKeyRef: keyRef,
          configMapKeyRef: keyRef,
          fieldRef: strictObject({ apiVersion: string, fieldPath: string }, { required: ['fieldPath'] }),
          resourceFieldRef: strictObject({ containerName: string, resource: string, divisor: quantity }),
        }),
      },
      { required: ['name'] },
    ),
  ),
  networkPolicyPeers: peers,
  networkPolicyIngress: listOf(strictObject({ ports: policyPorts, from: peers })),
  networkPolicyEgress: listOf(strictObject({ ports: policyPorts, to: peers })),
  relabelings: listOf(
    strictObject({
      sourceLabels: listOf(string),
      separator: string,
      targetLabel: string,
      regex: string,
      modulus: integer,
      replacement: string,
      action: { enum: relabelActions.flatMap((action) => [action.toLowerCase(), action]) },
    }),
  ),
}
