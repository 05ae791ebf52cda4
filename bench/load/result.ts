/** What one load of a server came to; printed by load.ts --json and read by run.ts. */
export interface LoadResult {
  attempted: number
  issued: number
  seconds: number
  issuedPerSecond: number
  latencyMs: { p50: number | undefined; p95: number | undefined; p99: number | undefined; max: number | undefined }
  /** By step, HTTP status and problem type. */
  failures: Record<string, number>
  perIssuance: {
    requests: number
    authorizationPolls: number
    orderPolls: number
    validationFetches: number
    clientCpuMs: number
  }
  badNonceRetries: number
  newNonces: number
  /** Share of the time in which the client's event loop was busy; near 1 the client is what is measured. */
  clientBusy: number
}

/** A result as sentences for a terminal. */
export function describeResult(result: LoadResult): string {
  const ms = (value: number | undefined) => (value === undefined ? '-' : `${value.toFixed(1)} ms`)
  const { latencyMs, perIssuance } = result
  const failures = Object.entries(result.failures).map(([key, count]) => `  ${count} x ${key}`)
  return [
    `${result.issued} of ${result.attempted} issued in ${result.seconds.toFixed(2)} s: ${result.issuedPerSecond.toFixed(1)} a second`,
    `latency p50 ${ms(latencyMs.p50)}, p95 ${ms(latencyMs.p95)}, p99 ${ms(latencyMs.p99)}, max ${ms(latencyMs.max)}`,
    `per issuance: ${perIssuance.requests.toFixed(1)} requests, ${perIssuance.authorizationPolls.toFixed(2)} authorization polls, ` +
      `${perIssuance.orderPolls.toFixed(2)} order polls, ${perIssuance.validationFetches.toFixed(2)} validation fetches`,
    `client: ${perIssuance.clientCpuMs.toFixed(2)} ms CPU per issuance, busy ${(result.clientBusy * 100).toFixed(0)} %; ` +
      `${result.badNonceRetries} badNonce retries, ${result.newNonces} newNonce requests`,
    ...(failures.length ? ['failures:', ...failures] : ['no failures']),
  ].join('\n')
}
