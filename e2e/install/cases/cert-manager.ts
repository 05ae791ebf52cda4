import assert from 'node:assert/strict'
import { verifySecret } from '../../cluster/issued.ts'
import { certificates, clusterIssuers, namespaces, profiles } from '../../cluster/kinds.ts'
import { certificateOf, isReady, obtain } from '../../cluster/objects.ts'
import { runCommand, systemPath } from '../../harness/processes.ts'
import type { InstallCase } from '../cases.ts'
import type { Ground } from '../ground.ts'
import { sampleDomain } from '../release.ts'

/** A namespace in which nothing is known of certctl. */
const userNamespace = 'shop'

export const certManagerCases: readonly InstallCase[] = [
  {
    name: 'the ClusterIssuer and the Certificate of the notes become Ready when their lines are typed',
    seconds: 150,
    async run({ ground, release: installed, certManager }) {
      const release = await installed()
      await certManager()
      const notes = await release.helm.run(['get', 'notes', release.name, '--namespace', release.namespace])
      const [makeIssuer, makeCertificate] = commandsOf(notes)
      await type(makeIssuer, ground)
      await isReady(ground, { kind: clusterIssuers, name: 'certctl-trusted' }, 60)
      await type(makeCertificate, ground)
      await isReady(ground, { kind: certificates, name: 'first', namespace: 'default' }, 60)
      const issuer = { name: 'sample-ca', namespace: release.namespace }
      const names = [`first.${sampleDomain}`]
      await verifySecret(ground, { secret: { name: 'first-tls', namespace: 'default' }, issuer, names })
    },
  },
  {
    name: 'a profile that asks for it gets a ClusterIssuer, and a Certificate is Ready through the Service',
    seconds: 150,
    async run({ ground, release: installed, certManager }) {
      const { namespace } = await installed()
      await certManager()
      const name = 'kept'
      const spec = {
        issuerRef: { name: 'sample-ca' },
        acme: { authMode: 'TrustAuthenticated', registration: 'Open' },
        identifiers: { dns: { allowed: ['**.svc.cluster.local'] } },
        certManager: { clusterIssuer: { enabled: true } },
      }
      await ground.api.apply(profiles, { metadata: { name, namespace }, spec })
      const { status } = await isReady(ground, { kind: profiles, name, namespace }, 60)
      const clusterIssuer = status?.clusterIssuer?.name
      assert.ok(clusterIssuer !== undefined, 'the profile names no ClusterIssuer')
      await isReady(ground, { kind: clusterIssuers, name: clusterIssuer }, 60)
      await ground.api.apply(namespaces, { metadata: { name: userNamespace } })
      const place = { name: 'web', namespace: userNamespace }
      const names = ['web.shop.svc.cluster.local', 'api.shop.svc.cluster.local']
      await obtain(ground, certificateOf(place, clusterIssuer, { dnsNames: names }), 60)
      await verifySecret(ground, { secret: place, issuer: { name: 'sample-ca', namespace }, names })
    },
  },
]

/** The commands in the notes that apply something: at the beginning of the line, or they would not end. */
function commandsOf(notes: string): readonly [string, string] {
  const [first, second] = notes.match(/^kubectl apply -f - <<EOF\n[\s\S]*?^EOF\n?/gm) ?? []
  if (first === undefined || second === undefined) throw new Error(`the notes don't say what to apply:\n${notes}`)
  return [first, second]
}

async function type(command: string, { kubectl: { program: kubectl }, kubeconfig }: Ground): Promise<void> {
  const path = `${kubectl.slice(0, kubectl.lastIndexOf('/'))}:${systemPath}`
  const words = { program: 'bash', args: ['-euc', command], env: { PATH: path, KUBECONFIG: kubeconfig } }
  const result = await runCommand(words, AbortSignal.timeout(60_000))
  if (result.code !== 0) throw new Error(`this failed:\n${command}\n${result.output}`)
}
