import { runCommand, systemPath } from '../harness/processes.ts'

/** Everything in the private network has an address of its own on the loopback device, so that each has every port. */
const network = '10.88.0.0/16'

export const addresses = {
  /** Of each control plane, counted from 0. */
  apiServer: (plane: number): string => `10.88.0.${plane + 1}`,
  etcd: (plane: number): string => `10.88.0.${plane + 21}`,
  nameServer: '10.88.0.53',
  /** Leads to Postgres, and can be held up. */
  relay: '10.88.0.90',
  /** The ingress that leads to the solvers of http-01. */
  ingress: '10.88.0.80',
  /** The Service of an installation of the operator, and its replicas, all counted from 0. */
  service: (installation: number): string => `10.88.${installation + 1}.1`,
  replica: (installation: number, replica: number): string => `10.88.${installation + 1}.${replica + 10}`,
} as const

/** Brings the addresses up, and a route for the programs that insist on a default one. */
export async function openNetwork(): Promise<void> {
  await ip(['addr', 'add', network, 'dev', 'lo'])
  await ip(['route', 'add', 'default', 'dev', 'lo'])
}

async function ip(args: readonly string[]): Promise<void> {
  const result = await runCommand({ program: 'ip', args, env: { PATH: systemPath } }, AbortSignal.timeout(10_000))
  if (result.code !== 0) throw new Error(`ip ${args.join(' ')} failed: ${result.output}`)
}
