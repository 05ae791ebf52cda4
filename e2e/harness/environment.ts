/**
 * The caller's environment, for programs that fetch something: proxies, caches and credentials are named there. npm may
 * run on the Node of this project, which trusts the machine's certificate authorities only when told to.
 */
export function inherited(): Record<string, string> {
  const given = Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
  return { ...Object.fromEntries(given), NODE_USE_SYSTEM_CA: '1' }
}
