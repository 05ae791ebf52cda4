import type { Loose } from './helm.ts'

/** One job of Prometheus, as `scrape_configs` wants it. */
export type ScrapeConfig = Readonly<Record<string, Loose>>

/**
 * What the Prometheus operator makes of an endpoint of a ServiceMonitor, for one target that is known already: so far as
 * our endpoints go, and refusing what it does not know. `fileOf` tells where the content of a ConfigMap or Secret is.
 */
export function scrapeConfig(
  endpoint: Loose,
  target: { job: string; address: string; fileOf: (reference: Loose) => string },
): ScrapeConfig {
  const { port, path, scheme, interval, scrapeTimeout, honorLabels, relabelings, tlsConfig, ...unknown } = endpoint
  const { ca, serverName, ...unknownTls } = tlsConfig ?? {}
  const untranslated = Object.keys({ ...unknown, ...unknownTls })
  if (untranslated.length > 0) throw new Error(`no translation of ${untranslated.join(', ')}`)
  return {
    job_name: target.job,
    metrics_path: path,
    scheme,
    scrape_interval: interval,
    scrape_timeout: scrapeTimeout,
    honor_labels: honorLabels,
    tls_config: { ...(ca !== undefined && { ca_file: target.fileOf(ca) }), server_name: serverName },
    // The labels that the operator gives every target of a Service.
    static_configs: [{ targets: [target.address], labels: { ...operatorLabels, endpoint: port } }],
    relabel_configs: relabelings.map((rule: Loose) =>
      Object.fromEntries(Object.entries(rule).map(([name, value]) => [snakeCase(name), value])),
    ),
  }
}

const operatorLabels = { namespace: 'certctl', service: 'certctl-metrics', pod: 'certctl-0', container: 'certctl' }

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
