import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { certManagerNamespace, startCertManager } from '../cluster/cert-manager.ts'
import { namespaces } from '../cluster/kinds.ts'
import type { Service } from '../harness/processes.ts'
import type { InstallCase } from './cases.ts'
import { describeFailure } from './failure.ts'
import type { Ground } from './ground.ts'
import { mainRelease, mainReplicas, mainValues } from './main-release.ts'
import type { Release } from './release.ts'

export interface Tally {
  readonly passed: number
  readonly failed: number
}

export interface CertManagerFiles {
  readonly certManager: string
  readonly definitions: readonly string[]
}

/** Runs the cases one after the other, since all are about the same release, and says how each went. */
export async function runCases(
  ground: Ground,
  programs: CertManagerFiles,
  cases: readonly InstallCase[],
): Promise<Tally> {
  const certManager = new CertManager(ground, programs)
  let passed = 0
  for (const one of cases) {
    const isGood = await runCase(ground, one, () => certManager.start())
    if (isGood) passed++
    if (!isGood && one.isEssential === true) {
      console.log('Without it the other cases make no sense.')
      break
    }
  }
  await certManager.stop()
  return { passed, failed: cases.length - passed }
}

async function runCase(ground: Ground, one: InstallCase, certManager: () => Promise<void>): Promise<boolean> {
  const notes: string[] = []
  const begun = performance.now()
  const seconds = (): string => `${((performance.now() - begun) / 1000).toFixed(0)} s`
  const context = {
    ground,
    certManager,
    release: () => installedRelease(ground),
    note: (text: string) => void notes.push(text),
  }
  try {
    await Promise.race([one.run(context), overdue(one.seconds)])
    console.log(`ok   ${one.name} (${[seconds(), ...notes].join('; ')})`)
    return true
  } catch (error) {
    console.log(`FAIL ${one.name} (${[seconds(), ...notes].join('; ')}): ${await describeFailure(ground, error)}`)
    return false
  }
}

async function overdue(seconds: number): Promise<never> {
  await sleep(seconds * 1000, undefined, { ref: false })
  throw new Error(`it took longer than ${seconds} s`)
}

/** The release as cases want it, for those that run without others before them, or after one that failed. */
async function installedRelease(ground: Ground): Promise<Release> {
  const release = mainRelease(ground)
  const [wanted, present] = [mainValues(ground), await release.values()]
  if (present === undefined) {
    await release.createNamespace()
    await release.install(wanted)
  } else if (!isDeepStrictEqual(present, wanted)) {
    await release.upgrade(wanted)
  }
  await release.settled(mainReplicas)
  return release
}

/** cert-manager's controllers, as a process on the node's network that has all rights. */
class CertManager {
  readonly #ground: Ground
  readonly #programs: CertManagerFiles
  #service: Service | undefined

  constructor(ground: Ground, programs: CertManagerFiles) {
    this.#ground = ground
    this.#programs = programs
  }

  async start(): Promise<void> {
    if (this.#service !== undefined) return
    const { api, kubectl, kubeconfig } = this.#ground
    const files = this.#programs.definitions.flatMap((folder) => ['-f', folder])
    await kubectl.run(['apply', '--server-side', ...files])
    await kubectl.run(['wait', '--for=condition=Established', '--timeout=30s', ...files])
    await api.apply(namespaces, { metadata: { name: certManagerNamespace } })
    this.#service = startCertManager(this.#programs.certManager, kubeconfig)
  }

  async stop(): Promise<void> {
    await this.#service?.stop()
  }
}
