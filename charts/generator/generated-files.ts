import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { readAnnotatedValues } from './annotated-values.ts'
import { dashboard } from './dashboard.ts'
import { valuesSchema } from './values-schema.ts'
import { valuesTable } from './values-table.ts'

const repository = dirname(dirname(import.meta.dirname))
export const chartFolder = join(repository, 'charts', 'certctl')

/** A file that is made from others: its path in the chart and what it must hold. */
export interface GeneratedFile {
  readonly path: string
  readonly content: string
}

/** What the chart's generated files must hold now. */
export async function generatedFiles(): Promise<readonly GeneratedFile[]> {
  const values = readAnnotatedValues(await readFile(join(chartFolder, 'values.yaml'), 'utf8'))
  const head = await readFile(join(import.meta.dirname, 'readme.md'), 'utf8')
  return [
    await formatted('values.schema.json', JSON.stringify(valuesSchema(values))),
    await formatted(
      'README.md',
      head.replace('<!-- values -->', () => valuesTable(values)),
    ),
    await formatted('files/dashboard.json', JSON.stringify(dashboard())),
    ...(await customResourceDefinitions()),
  ]
}

async function customResourceDefinitions(): Promise<GeneratedFile[]> {
  const folder = join(repository, 'crds')
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).toSorted()
  const read = async (name: string): Promise<GeneratedFile> => ({
    path: join('files', 'crds', name),
    content: await readFile(join(folder, name), 'utf8'),
  })
  return Promise.all(names.map(read))
}

async function formatted(path: string, text: string): Promise<GeneratedFile> {
  const file = join(chartFolder, path)
  return { path, content: await format(text, { ...(await resolveConfig(file)), filepath: file }) }
}
