import assert from 'node:assert/strict'
import { invalidSpecs } from '../../../operator/testing/invalid-specs.ts'
import { invalidUpdates, validUpdates } from '../../../operator/testing/spec-updates.ts'
import { validSpecs } from '../../../operator/testing/valid-specs.ts'
import { ApiError, pathOf, type ApiClient } from '../api-client.ts'
import type { ClusterCase } from '../cases.ts'
import { issuers, profiles, type Kind, type KubeObject } from '../kinds.ts'

const kinds: Readonly<Record<'Issuer' | 'CertificateProfile', Kind<KubeObject>>> = {
  Issuer: issuers,
  CertificateProfile: profiles,
}

/** Nothing is stored, and unknown fields are refused as they are to somebody who types kubectl apply. */
const dryRun = '?dryRun=All&fieldValidation=Strict'

/** The verdicts of the API server on the objects that the unit tests judge by the schemas. No operator runs. */
export const invalidSpecCases: readonly ClusterCase[] = [
  {
    name: 'every invalid spec is refused with the message that says how to mend it',
    async run({ cluster, namespace, note }) {
      const wrong = await Promise.all(
        invalidSpecs.map(async ({ title, kind, object, field, message, apiServer = message }) => {
          const said = await create(cluster.api, kinds[kind], placed(object, namespace))
          if (apiServer === false) return said === undefined ? [] : [`${title}: is not accepted: ${said}`]
          if (said === undefined) return [`${title}: is accepted`]
          return said.includes(field) && said.includes(apiServer) ? [] : [`${title}: ${said}`]
        }),
      )
      assert.deepEqual(wrong.flat(), [])
      note(`${invalidSpecs.filter(({ apiServer }) => apiServer !== false).length} refused`)
    },
  },
  {
    name: 'specs at the edge of what is allowed are accepted',
    async run({ cluster, namespace, note }) {
      const wrong = await Promise.all(
        validSpecs.map(async ({ title, kind, object }) => {
          const said = await create(cluster.api, kinds[kind], placed(object, namespace))
          return said === undefined ? [] : [`${title}: ${said}`]
        }),
      )
      assert.deepEqual(wrong.flat(), [])
      note(`${validSpecs.length} accepted`)
    },
  },
  {
    name: 'a change of what is fixed is refused, and other changes are not',
    async run({ cluster, namespace, note }) {
      const { api } = cluster
      const wrong: string[] = []
      for (const [index, { title, before, after, field, message }] of invalidUpdates.entries()) {
        const said = await replace(api, placed(before, namespace, `fixed-${index}`), after)
        if (said?.includes(field) !== true || !said.includes(message)) wrong.push(`${title}: ${said ?? 'is accepted'}`)
      }
      for (const [index, { title, before, after }] of validUpdates.entries()) {
        const said = await replace(api, placed(before, namespace, `free-${index}`), after)
        if (said !== undefined) wrong.push(`${title}: ${said}`)
      }
      assert.deepEqual(wrong, [])
      note(`${invalidUpdates.length} refused`)
    },
  },
]

/** The object in the namespace; a name only where one is given, since names are judged too. */
function placed(object: unknown, namespace: string, name?: string): KubeObject {
  const { metadata, ...rest } = object as KubeObject
  return { ...rest, metadata: { ...metadata, namespace, ...(name !== undefined && { name }) } }
}

/** What the API server says against making it, or undefined where it agrees. */
function create(api: ApiClient, kind: Kind<KubeObject>, object: KubeObject): Promise<string | undefined> {
  return objection(api.request(pathOf(kind, object.metadata.namespace) + dryRun, { method: 'POST', body: object }))
}

/** What the API server says against changing the Issuer from one to the other. */
async function replace(api: ApiClient, before: KubeObject, after: unknown): Promise<string | undefined> {
  const { name, namespace } = before.metadata
  const { metadata } = await api.create(issuers, { spec: {}, ...before })
  const { resourceVersion } = metadata
  const body = { ...(after as KubeObject), metadata: { name, namespace, resourceVersion } }
  return objection(api.request(pathOf(issuers, namespace, name) + dryRun, { method: 'PUT', body }))
}

async function objection(answer: Promise<unknown>): Promise<string | undefined> {
  try {
    await answer
    return undefined
  } catch (error) {
    if (error instanceof ApiError && [400, 422].includes(error.status)) return error.message
    throw error
  }
}
