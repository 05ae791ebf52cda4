import type { ChallengeType } from '../policy.ts'

/** How many validations of each type may still begin. */
export interface Slots {
  /** False where none is free. */
  take(type: ChallengeType): boolean
  /** True where work of this type may have been waiting: no slot was free until now. */
  give(type: ChallengeType): boolean
  /** The types with free slots, and how many the fullest of them has left. */
  free(): { types: ChallengeType[]; least: number }
}

export function createSlots(concurrency: Readonly<Record<ChallengeType, number>>): Slots {
  const left = new Map<ChallengeType, number>([
    ['http-01', concurrency['http-01']],
    ['dns-01', concurrency['dns-01']],
    ['tls-alpn-01', concurrency['tls-alpn-01']],
  ])
  const leftOf = (type: ChallengeType): number => left.get(type) ?? 0
  return {
    take(type) {
      if (leftOf(type) === 0) return false
      left.set(type, leftOf(type) - 1)
      return true
    },
    give(type) {
      left.set(type, leftOf(type) + 1)
      return leftOf(type) === 1
    },
    free() {
      const types = [...left.keys()].filter((type) => leftOf(type) > 0)
      return { types, least: Math.min(...types.map(leftOf)) }
    },
  }
}
