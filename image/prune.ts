import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'

/*
 * node image/prune.ts FOLDER
 *
 * Removes from a folder of npm packages what no program runs: source maps, TypeScript (Node runs none of it inside
 * node_modules), documents, tests, and native code for the Bare runtime. Licences stay.
 */

const licence = /^(licen[cs]e|copying|notice|copyright)/i

const unusedFiles: readonly RegExp[] = [
  /\.map$/,
  /\.[cm]?ts$/,
  /\.(md|markdown|flow|html|bare|c)$/i,
  /\.(test|spec)\.[cm]?js$/,
  /^(\.editorconfig|\.eslint.*|\.git.*|\.jshintrc|\.npmignore|\.nojekyll|\.nvmrc|\.nycrc|\.prettier.*|\.taprc|\.travis\.yml)$/,
]

/** Wherever they are in a package. */
const unusedFolders = /^(\.github|__tests__|test|tests)$/

/** Only at the top of a package: deeper, a folder of such a name may well be part of the program, as yaml's dist/doc is. */
const unusedTopFolders = /^(bench|benchmarks?|coverage|docs?|examples?|fixtures)$/

/** Removes what is not needed from a package, or from a folder inside of one. */
function prunePackage(folder: string, isTop: boolean): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (entry.name === 'node_modules') prunePackages(path)
      else if (isUnusedFolder(entry.name, isTop)) rmSync(path, { recursive: true })
      else prunePackage(path, false)
    } else if (!licence.test(entry.name) && unusedFiles.some((pattern) => pattern.test(entry.name))) rmSync(path)
  }
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true })
}

function isUnusedFolder(name: string, isTop: boolean): boolean {
  return unusedFolders.test(name) || (isTop && unusedTopFolders.test(name))
}

function prunePackages(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.name === '.bin') rmSync(path, { recursive: true })
    else if (entry.name.startsWith('@')) prunePackages(path)
    else if (entry.isDirectory()) prunePackage(path, true)
  }
}

const [folder = ''] = process.argv.slice(2)
if (basename(folder) !== 'node_modules') throw new Error('node image/prune.ts FOLDER/node_modules')
prunePackages(folder)
