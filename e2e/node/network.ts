import { writeFile } from 'node:fs/promises'
import { mustRun } from '../harness/namespace.ts'

/** Addresses of the node. The control plane, name server and so on have theirs on the loopback device, as in e2e/cluster. */
export const nodeNetwork = {
  nodeAddress: '10.200.0.1',
  loopback: '10.88.0.0/16',
  pods: '10.244.0.0/16',
  /** The first of the API server's range is the API server itself. */
  services: '10.96.0.0/16',
  clusterDns: '10.96.0.10',
} as const

/** Brings the devices up. There is no way out, but programs insist on a default route, and on a device that isn't loopback. */
export async function openNodeNetwork(): Promise<void> {
  await ip('addr add 10.88.0.0/16 dev lo')
  await ip('link add node0 type veth peer name node1')
  await ip(`addr add ${nodeNetwork.nodeAddress}/24 dev node0`)
  await ip('link set node0 up')
  await ip('link set node1 up')
  await ip('route add default via 10.200.0.2 dev node0')
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1')
}

function ip(words: string): Promise<void> {
  return mustRun('ip', words.split(' '))
}
