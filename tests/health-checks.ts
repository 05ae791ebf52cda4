/** A health check that is not known to be encrypted, and where it stands. */
export interface Finding {
  readonly line: number
  readonly what: string
}

/** Commands that ask over HTTPS, or that ask a database in its own protocol on its own machine. */
const knownCommands: readonly RegExp[] = [/certctl\W+health\b/, /\bpg_isready\b/, /https:\/\//]

/** A URL of a probe's path without TLS, wherever it stands. */
const plainUrl = /http:\/\/[^\s'"]*\/(health|healthz|livez|ready|readyz)\b/

/**
 * Finds health checks in a Dockerfile, a compose file, Kubernetes manifests or a template of such: all that is not known
 * to be safe is found, what nobody thought of included. Templates are not rendered, so what decides must be written out.
 */
export function unsafeHealthChecks(text: string): Finding[] {
  const lines = text.split('\n')
  return lines
    .flatMap((line, index) => {
      const what = findingIn(line, () => blockAt(lines, index))
      return what === undefined ? [] : [{ line: index + 1, what }]
    })
    .toSorted((one, other) => one.line - other.line)
}

function findingIn(line: string, block: () => string): string | undefined {
  if (/^\s*#/.test(line)) return undefined
  if (plainUrl.test(line)) return 'a URL without TLS'
  if (/^\s*HEALTHCHECK\s/i.test(line)) return judgeInstruction(block())
  if (hasKey(line, 'httpGet')) return judgeHttpGet(block())
  if (hasKey(line, 'healthcheck')) return judgeCommand(block())
  return hasKey(line, '\\w*[pP]robe') ? judgeProbe(block()) : undefined
}

/** YAML's block and flow styles, and JSON. */
function hasKey(line: string, key: string): boolean {
  return new RegExp(`(^|[\\s{,"'-])${key}["']?\\s*:`).test(line)
}

/** HEALTHCHECK NONE, or the exec form of a known command: an image without a shell can't run the other form. */
function judgeInstruction(text: string): string | undefined {
  if (/HEALTHCHECK\s+NONE\s*$/i.test(text.trim())) return undefined
  if (!/\bCMD\s*\[/.test(text)) return 'a check that needs a shell'
  return judgeCommand(text)
}

function judgeHttpGet(text: string): string | undefined {
  return /\bscheme["']?\s*:\s*["']?HTTPS\b/.test(text) ? undefined : 'httpGet without scheme: HTTPS'
}

function judgeProbe(text: string): string | undefined {
  if (/\b(tcpSocket|grpc)\b/.test(text)) return 'a probe without TLS'
  return /\bexec\b/.test(text) ? judgeCommand(text) : undefined
}

function judgeCommand(text: string): string | undefined {
  if (/\bhttp:\/\//.test(text)) return 'a command that asks without TLS'
  if (/\bdisable:\s*true\b/.test(text)) return undefined
  return knownCommands.some((known) => known.test(text)) ? undefined : 'a command that is not known to use TLS'
}

/** The line and what belongs to it: lines it is continued on, and lines that are indented more. */
function blockAt(lines: readonly string[], first: number): string {
  const block = [lines[first] ?? '']
  const indent = indentOf(block[0] ?? '')
  for (const line of lines.slice(first + 1)) {
    const isContinued = /\\\s*$/.test(block.at(-1) ?? '')
    // Lines of a template language are indented as its authors like it.
    const isInside = line.trim() === '' || line.trim().startsWith('{{') || indentOf(line) > indent
    if (!isContinued && !isInside) break
    block.push(line)
  }
  return block.filter((line) => !/^\s*#/.test(line)).join('\n')
}

/** A dash before a key counts as indentation: `- httpGet:` has its members below the key. */
function indentOf(line: string): number {
  return /^[\s-]*/.exec(line)?.[0].length ?? 0
}
