import { buildNodePrograms, buildPrograms, type NodePrograms, type Programs } from '../cluster/build/programs.ts'

/** Files of all programs of a cluster that are built from source. */
export type ClusterPrograms = Programs & NodePrograms

/** The programs, built where they are not in the cache yet; says what it does. Throws {@link GoMissing}. */
export async function buildClusterPrograms(say: (line: string) => void): Promise<ClusterPrograms> {
  return { ...(await buildPrograms(say)), ...(await buildNodePrograms(say)) }
}
