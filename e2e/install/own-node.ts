import { readdir, readFile } from 'node:fs/promises'
import { helmPrograms, installHelm } from '../../charts/testing/helm-programs.ts'
import { ClusterNode } from '../node/cluster-node.ts'
import { runInNodeNamespaces } from '../node/namespaces.ts'
import { nodeName } from '../node/node-agents.ts'
import { buildClusterPrograms, type ClusterPrograms } from '../node/programs.ts'
import { openGround } from './ground.ts'
import { makeImages, type Images } from './images.ts'
import type { Venue } from './venue.ts'

/** What was made outside, where there is a network. */
interface Supplies {
  readonly programs: ClusterPrograms
  readonly images: Images
}

/** A cluster of one node that needs neither Docker nor a registry. */
export const ownNode: Venue = {
  async runInside(script, args) {
    const programs = await buildClusterPrograms(console.log)
    await installHelm(console.log)
    const supplies: Supplies = { programs, images: await makeImages(programs, console.log) }
    return runInNodeNamespaces(script, [...args, '--supplies', JSON.stringify(supplies)])
  },
  async open(folder, text) {
    const { programs, images } = JSON.parse(text) as Supplies
    const node = await ClusterNode.start(programs, folder, images.archives)
    const ground = await openGround({
      folder,
      kubeconfig: node.kubeconfig,
      kubectlProgram: programs.kubectl,
      helmPrograms,
      images,
      nodeName,
      logs: () => node.logs(8),
      async killProcess(podUid) {
        process.kill(await processOf(podUid), 'SIGKILL')
      },
    })
    return { ground, programs }
  },
}

/** The process of a pod that isn't its sandbox's. All processes of pods can be seen from here. */
async function processOf(podUid: string): Promise<number> {
  for (const name of await readdir('/proc')) {
    const read = (file: string): Promise<string> => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '')
    if (!/^\d+$/.test(name) || !(await read('cgroup')).includes(`pod${podUid}/`)) continue
    if (!(await read('cmdline')).startsWith('/pause\0')) return Number(name)
  }
  throw new Error(`no process of the pod ${podUid} runs`)
}
