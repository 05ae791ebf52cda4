import { setImmediate as turn } from 'node:timers/promises'
import type { FakeTimers } from './fake-timers.ts'

const turnsOfASecond = 20

/** Lets seconds pass one by one; between them, what hangs on a socket or a database has its turns. */
export async function passSeconds(timers: FakeTimers, seconds: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed++) {
    await timers.advance(1_000)
    for (let turns = 0; turns < turnsOfASecond; turns++) await turn()
  }
}
