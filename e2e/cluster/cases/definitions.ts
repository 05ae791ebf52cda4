import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { ApiError } from '../api-client.ts'
import type { ClusterCase } from '../cases.ts'
import {
  customResourceDefinitions,
  issuers,
  profiles,
  type CertificateProfile,
  type Kind,
  type KubeObject,
} from '../kinds.ts'

const samplesDir = join(dirname(dirname(dirname(import.meta.dirname))), 'crds', 'samples')

/** The kind's own definition, for objects of ours. */
const kinds: Readonly<Record<string, Kind<KubeObject>>> = { Issuer: issuers, CertificateProfile: profiles }

/** What the API server itself makes of our CustomResourceDefinitions. No operator runs. */
export const definitionCases: readonly ClusterCase[] = [
  {
    name: 'the API server is of the version of Kubernetes that was asked for',
    async run({ cluster, stage, note }) {
      const { gitVersion } = (await cluster.api.request('/version')) as { gitVersion: string }
      assert.equal(gitVersion, `v${stage.programs.version}`)
      note(gitVersion)
    },
  },
  {
    name: 'the CustomResourceDefinitions are established and structural',
    async run({ cluster }) {
      for (const { plural, group } of [issuers, profiles]) {
        const definition = await cluster.api.get(customResourceDefinitions, `${plural}.${group}`)
        const conditions = new Map(definition?.status?.conditions?.map((each) => [each.type, each.status]))
        assert.equal(conditions.get('NamesAccepted'), 'True')
        assert.equal(conditions.get('Established'), 'True')
        assert.notEqual(conditions.get('NonStructuralSchema'), 'True')
      }
    },
  },
  {
    name: 'kubectl knows short names, category and columns, and explains fields',
    async run({ cluster, namespace }) {
      const { kubectl } = cluster
      await createSamples(cluster, namespace)
      for (const name of ['cciss', 'cprof']) {
        const table = await kubectl.run(['get', name, '-n', namespace])
        assert.match(table, /^NAME +.*READY.*AGE/m)
      }
      const ofCategory = await kubectl.run(['get', 'certctl', '-n', namespace])
      assert.match(ofCategory, /issuer\.certctl\.io\/sample-ca/)
      assert.match(ofCategory, /certificateprofile\.certctl\.io\/trusted/)
      const explained = await kubectl.run(['explain', 'certificateprofiles.spec.acme.authMode'])
      assert.match(explained, /DESCRIPTION:\s+\S+/)
      assert.match(explained, /TrustAuthenticated/)
    },
  },
  {
    name: 'the samples are accepted strictly and come back as they were written',
    async run({ cluster, namespace }) {
      const written = await createSamples(cluster, namespace)
      for (const object of written) {
        const kind = kinds[object.kind ?? '']
        assert.ok(kind !== undefined, `a sample of kind ${object.kind}`)
        const stored = await cluster.api.get(kind, object.metadata.name, namespace)
        assertHolds(stored, { spec: 'spec' in object ? object.spec : undefined }, object.metadata.name)
        const again = await cluster.api.apply(kind, object)
        assert.equal(again.metadata.generation, stored?.metadata.generation, 'applying it once more changed its spec')
      }
    },
  },
  {
    name: 'defaults are filled in where a profile leaves fields out',
    async run({ cluster, namespace }) {
      const created = await cluster.api.create(profiles, smallestProfile(namespace))
      assertHolds(
        created.spec,
        {
          acme: { challengeTypes: ['http-01', 'dns-01'] },
          validity: { default: '2160h', max: '2160h', backdate: '5m', clientNotAfter: 'Clamp' },
          subject: { commonName: 'FromFirstDNS' },
          suspend: false,
        },
        'spec',
      )
    },
  },
  {
    name: 'a field that does not exist is refused, not dropped',
    async run({ cluster, namespace }) {
      const profile = smallestProfile(namespace)
      const misspelt = { ...profile, spec: { ...profile.spec, valdity: { max: '1h' } } }
      await assert.rejects(cluster.api.create(profiles, misspelt), (error) => {
        assert.ok(error instanceof ApiError && error.status === 400)
        assert.match(error.message, /unknown field "spec\.valdity"/)
        return true
      })
    },
  },
]

function smallestProfile(namespace: string): CertificateProfile {
  return {
    metadata: { name: 'smallest', namespace },
    spec: { issuerRef: { name: 'some-issuer' }, acme: { authMode: 'Challenge' } },
  }
}

/** Creates what crds/samples holds, in the namespace, and returns it as it was written. */
async function createSamples({ api }: { api: Parameters<ClusterCase['run']>[0]['cluster']['api'] }, namespace: string) {
  const files = (await readdir(samplesDir)).filter((file) => file.endsWith('.yaml'))
  const texts = await Promise.all(files.map((file) => readFile(join(samplesDir, file), 'utf8')))
  const objects = texts
    .flatMap((text) => parseAllDocuments(text))
    .map((document) => document.toJS() as KubeObject)
    .map((object) => ({ ...object, metadata: { ...object.metadata, namespace } }))
  for (const object of objects) {
    const kind = kinds[object.kind ?? '']
    if (kind !== undefined) await api.create(kind, object)
  }
  return objects
}

/** Fails unless everything in `part` is in `whole`, which may have more members. */
function assertHolds(whole: unknown, part: unknown, path: string): void {
  if (typeof part !== 'object' || part === null || Array.isArray(part)) {
    assert.deepEqual(whole, part, path)
    return
  }
  assert.ok(typeof whole === 'object' && whole !== null, `${path} is missing`)
  const members = new Map<string, unknown>(Object.entries(whole))
  for (const [name, value] of Object.entries(part)) assertHolds(members.get(name), value, `${path}.${name}`)
}
