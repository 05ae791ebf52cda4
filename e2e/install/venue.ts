import type { Ground } from './ground.ts'
import type { CertManagerFiles } from './runner.ts'

/** Where the cases run. */
export interface Venue {
  /**
   * Gets everything ready that needs the machine's network, runs the script again where there is a cluster or may be
   * one, with further arguments `--inside FOLDER --supplies TEXT`, and returns its exit code.
   */
  runInside(script: string, args: readonly string[]): Promise<number>
  /** In there, gives a cluster in which nothing has been installed. */
  open(folder: string, supplies: string): Promise<{ readonly ground: Ground; readonly programs: CertManagerFiles }>
}

/** What is missing on this machine; the message says what to do. */
export class VenueMissing extends Error {}
