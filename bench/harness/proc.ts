import { readdirSync, readFileSync } from 'node:fs'

// Linux counts CPU time for user space in ticks of 1/100 s whatever the kernel's own clock (man 5 proc, USER_HZ).
const millisecondsPerTick = 10

interface ProcessTimes {
  parent: number
  /** utime + stime + cutime + cstime: with the time of children that have ended and been waited for. */
  milliseconds: number
}

/** CPU milliseconds of a process, its living descendants and those that have ended. */
export function treeCpuMs(rootPid: number): number {
  const processes = new Map<number, ProcessTimes>()
  for (const entry of readdirSync('/proc')) {
    const times = /^\d+$/.test(entry) ? readTimes(Number(entry)) : undefined
    if (times) processes.set(Number(entry), times)
  }
  const belongs = (pid: number): boolean => {
    if (pid === rootPid) return true
    const parent = processes.get(pid)?.parent
    return parent !== undefined && parent > 1 && belongs(parent)
  }
  let total = 0
  for (const [pid, { milliseconds }] of processes) if (belongs(pid)) total += milliseconds
  return total
}

/** Resident memory of one process in bytes. */
export function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes ?? 0) * 1024
}

/** CPU milliseconds that all processes of the machine have used since it started. */
export function machineCpuMs(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) * millisecondsPerTick
}

/** The cores that this process may use. */
export function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}

function readTimes(pid: number): ProcessTimes | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined // It has ended since the folder was listed.
  }
  // The second field is the command in parentheses and may hold anything, so the fields are counted from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0)
  return { parent: Number(fields[1]), milliseconds: ticks * millisecondsPerTick }
}
