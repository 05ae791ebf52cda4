import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crdFileName, crdYaml, customResourceDefinitions } from './api/crd.ts'

/** `certctl crd print`: prints the CustomResourceDefinitions as YAML, or writes each into a file of a folder. */
export async function printCrds(folder: string | undefined): Promise<0> {
  const crds = customResourceDefinitions()
  if (folder === undefined) {
    process.stdout.write(crds.map(crdYaml).join('---\n'))
    return 0
  }
  for (const crd of crds) await writeFile(join(folder, crdFileName(crd)), crdYaml(crd))
  return 0
}
