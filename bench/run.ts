// Benchmark of certctl beside Pebble and step-ca. `node bench/run.ts --help` lists the options, README.md says how to
// read what it prints.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

import { benchUsage, parseBenchOptions } from './harness/options.ts'
import { interrupt, killEverything, wasInterrupted } from './harness/processes.ts'
import { makeReport, renderReport } from './harness/report.ts'
import { runSession } from './harness/session.ts'

async function main(): Promise<void> {
  const options = parseBenchOptions(process.argv.slice(2))
  if (!options) return console.log(benchUsage)

  const begun = performance.now()
  const say = (line: string) =>
    console.error(`${((performance.now() - begun) / 1000).toFixed(0).padStart(5)} s  ${line}`)
  const findings = await runSession(options, say)
  const report = makeReport(findings)
  const markdown = renderReport(findings, report, options)
  console.log(markdown)
  writeFile(options.reportFile, markdown)
  writeFile(options.jsonFile, `${JSON.stringify({ options, ...report, ...findings }, undefined, 2)}\n`)
  say(`written: ${options.reportFile} and ${options.jsonFile}`)
  if (Object.keys(findings.broken).length > 0) process.exitCode = 1
}

function writeFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.error(`${signal}: ending what was started`)
    process.exitCode = 130
    void interrupt()
  })
}
process.on('exit', killEverything)

try {
  await main()
} catch (error) {
  console.error(`bench: ${wasInterrupted() ? 'interrupted' : error instanceof Error ? error.message : String(error)}`)
  process.exitCode ??= 1
}
