import { installHelm } from './helm-programs.ts'
import { installPrometheus } from './prometheus.ts'

const say = (line: string): boolean => process.stdout.write(`${line}\n`)

await installHelm(say)
await installPrometheus(say)
