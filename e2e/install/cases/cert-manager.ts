import assert from 'node:assert/strict'
import { verifySecret } from '../../cluster/issued.ts'
import { clusterIssuers, namespaces, profiles } from '../../cluster/kinds.ts'
import { certificateOf, isReady, obtain } from '../../cluster/objects.ts'
import { runCommand, systemPath } from '../../harness/processes.ts'
import type { InstallCase } from '../cases.ts'
import { sampleDomain } from '../release.ts'

/** A namespace in which nothing is known of certctl. */
const userNamespace = 'shop'

export const certManagerCases: readonly InstallCase[] = [
  {
    name: 'the ClusterIssuer of the notes becomes Ready when its lines are typed, and a Certificate through it too',
    seconds: 150,
    async run({ ground, release: installed, certManager }) {
      const release = await installed()
      await certManager()
      const notes = await release.helm.run(['get', 'notes', release.name, '--namespace', release.namespace])
      await type(commandOf(notes), ground.kubectl.program, ground.kubeconfig)
      await isReady(ground, { kind: clusterIssuers, name: 'certctl-trusted' }, 60)
      await ground.api.apply(namespaces, { metadata: { name: userNamespace } })
      const place = { name: 'notes', namespace: userNamespace }
      const names = [`notes.${sampleDomain}`]
      await obtain(ground, certificateOf(place, 'certctl-trusted', { dnsNames: names }), 60)
      const issuer = { name: 'sample-ca', namespace: release.namespace }
      await verifySecret(ground, { secret: place, issuer, names })
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

/** The command in the notes with which a ClusterIssuer is applied: at the beginning of the line, or it would not end. */
function commandOf(notes: string): string {
  const [command] = /^kubectl apply -f - <<EOF\n[\s\S]*?^EOF\n?/m.exec(notes) ?? []
  if (command === undefined) throw new Error(`the notes say nothing of a ClusterIssuer:\n${notes}`)
  return command
}

async function type(command: string, kubectl: string, kubeconfig: string): Promise<void> {
  const path = `${kubectl.slice(0, kubectl.lastIndexOf('/'))}:${systemPath}`
  const words = { program: 'bash', args: ['-euc', command], env: { PATH: path, KUBECONFIG: kubeconfig } }
  const result = await runCommand(words, AbortSignal.timeout(60_000))
  if (result.code !== 0) throw new Error(`this failed:\n${command}\n${result.output}`)
}
