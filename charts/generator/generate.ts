import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chartFolder, generatedFiles } from './generated-files.ts'

/*
 * node charts/generator/generate.ts
 *
 * Writes what the chart holds that is made from something else: values.schema.json and README.md from values.yaml, the
 * dashboard, and the CustomResourceDefinitions from crds/.
 */

for (const { path, content } of await generatedFiles()) {
  const file = join(chartFolder, path)
  const before = await readFile(file, 'utf8').catch(() => undefined)
  if (before === content) continue
  await writeFile(file, content)
  process.stdout.write(`wrote ${path}\n`)
}
