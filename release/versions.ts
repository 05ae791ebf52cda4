/** Where the version stands beside package.json, and how it is found there. */
const places = [
  { name: "the chart's version", text: 'chart', pattern: /^version: ['"]?([^'"\s]+)/m },
  { name: "the chart's appVersion", text: 'chart', pattern: /^appVersion: ['"]?([^'"\s]+)/m },
  { name: 'the default of docker-compose.yml', text: 'compose', pattern: /\$\{CERTCTL_VERSION:-([^}]+)\}/ },
] as const

/** The places that say another version, in words. `chart` is Chart.yaml, `compose` docker-compose.yml. */
export function otherVersions(version: string, chart: string, compose: string): readonly string[] {
  const texts = { chart, compose }
  return places.flatMap(({ name, text, pattern }) => {
    const found = pattern.exec(texts[text])?.[1]
    return found === version ? [] : [`${name} is ${found ?? 'missing'}`]
  })
}
