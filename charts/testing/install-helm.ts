import { installHelm } from './helm-programs.ts'

await installHelm((line) => process.stdout.write(`${line}\n`))
