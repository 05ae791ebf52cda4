/**
 * What a health check may be; all else is refused, what nobody thought of included.
 *
 * - A HEALTHCHECK, and the test of a compose file: the exec array of a known command. Not NONE, nor disabled.
 * - A probe: httpGet with scheme: HTTPS, or exec of a known command. tcpSocket and grpc say nothing about HTTPS.
 * - A check of a load balancer: one that says HTTPS, since the default of most is HTTP.
 */

/** By the program itself, over HTTPS; or the database's own. As words, so that no shell sees them. */
export function judgeCommand(words: unknown): string | undefined {
  const [program, ...rest] = Array.isArray(words) ? words.map(String) : []
  const isKnown =
    (program === 'certctl' && rest.join(' ') === 'health') ||
    (program === 'pg_isready' && rest.every((word) => /^[\w.=-]+$/.test(word)))
  return isKnown ? undefined : 'a command other than [certctl, health] and [pg_isready, …]'
}

/** An instruction of a Dockerfile, its lines joined. */
export function judgeInstruction(text: string): string | undefined {
  const [, check] = /^\s*(?:ONBUILD\s+)*HEALTHCHECK(\s.*|)$/is.exec(text) ?? []
  if (check === undefined) return undefined
  const [, words = ''] = /^(?:\s+--\S+)*\s+CMD\s+(\[.*\])\s*$/is.exec(check) ?? []
  try {
    return judgeCommand(JSON.parse(words))
  } catch {
    // Docker gives what is no JSON to a shell.
    return 'a check that is no exec array'
  }
}

/** A member of an object in YAML or JSON, which stands beside its siblings there. */
export function judgeMember(key: string, value: unknown, siblings: unknown): string | undefined {
  if (/probe$/i.test(key)) return judgeProbe(membersOf(value))
  if (key === 'httpGet') return membersOf(value)['scheme'] === 'HTTPS' ? undefined : 'httpGet without scheme: HTTPS'
  if (/^health[-_]?checks?$/i.test(key)) return judgeHealthCheck(membersOf(value))
  return isOfBalancer(key) ? judgeBalancer(isProtocol(key) ? { [key]: value } : membersOf(siblings)) : undefined
}

/** What httpGet says is judged as a member of its own. */
function judgeProbe(probe: Members): string | undefined {
  const isHandled = 'httpGet' in probe !== 'exec' in probe && !('tcpSocket' in probe) && !('grpc' in probe)
  if (!isHandled) return 'a probe that is neither httpGet nor exec'
  return 'exec' in probe ? judgeCommand(membersOf(probe['exec'])['command']) : undefined
}

/** Of a compose file, or of a load balancer. */
function judgeHealthCheck(check: Members): string | undefined {
  if ('disable' in check) return 'a check that is switched off'
  if (!('test' in check)) return judgeBalancer({ 'health-check-type': check['type'] })
  const [form, ...words] = Array.isArray(check['test']) ? check['test'] : []
  return form === 'CMD' ? judgeCommand(words) : 'a check that is no exec array'
}

function judgeBalancer(members: Members): string | undefined {
  const protocols = Object.keys(members).filter((key) => isOfBalancer(key) && isProtocol(key))
  const isHttps = protocols.length > 0 && protocols.every((key) => /^https$/i.test(String(members[key])))
  return isHttps ? undefined : "a load balancer's check without HTTPS"
}

function isOfBalancer(key: string): boolean {
  return /health[-_]?(check|probe)/i.test(key)
}

function isProtocol(key: string): boolean {
  return /(protocol|scheme|type)$/i.test(key)
}

type Members = Readonly<Record<string, unknown>>

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
