import { installHelm } from './helm-programs.ts'
import { installPromtool } from './promtool.ts'

const say = (line: string): boolean => process.stdout.write(`${line}\n`)

await installHelm(say)
await installPromtool(say)
