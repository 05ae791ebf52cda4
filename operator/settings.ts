import {
  baseUrl,
  dnsLabel,
  domainName,
  duration,
  existingFile,
  existingFolder,
  integer,
  listenAddress,
  listOf,
  namespaceName,
  network,
  oneOf,
  optionalListenAddress,
  postgresUrl,
  profileId,
  resolver,
  testCheckpoint,
  text,
  webLink,
} from './setting-kinds.ts'
import type { Parsed, SettingKind } from './setting-kinds.ts'

const minute = 60
const hour = 60 * minute
const day = 24 * hour

/** One environment variable. An unset one reads as its fallback; a fallback of '' means there is none. */
export interface Setting<T> {
  readonly name: `CERTCTL_${string}`
  readonly about: string
  readonly fallback: string
  readonly hint: string
  /** The value may hold a password: it is never printed. */
  readonly secret: boolean
  parse(text: string): Parsed<T>
}

interface Words {
  readonly name: Setting<unknown>['name']
  readonly about: string
  readonly secret?: true
}

function setting<T>(kind: SettingKind<T>, fallback: string, words: Words): Setting<T> {
  return { ...words, fallback, hint: kind.hint, secret: words.secret ?? false, parse: (text) => kind.parse(text) }
}

function optional<T>(kind: SettingKind<T>, words: Words): Setting<T | undefined> {
  const parse = (text: string): Parsed<T | undefined> =>
    text === '' ? { ok: true, value: undefined } : kind.parse(text)
  return setting({ hint: kind.hint, parse }, '', words)
}

function list<T>(kind: SettingKind<T>, words: Words): Setting<readonly T[]> {
  const items = listOf(kind)
  const parse = (text: string): Parsed<readonly T[]> => (text === '' ? { ok: true, value: [] } : items.parse(text))
  return setting({ hint: items.hint, parse }, '', words)
}

const upToAMillion = integer({ min: 1, max: 1_000_000 })
const concurrency = integer({ min: 1, max: 1000 })
const port = integer({ min: 1, max: 65_535 })
const lookAgain = duration({ min: 1, max: 10 * minute })

/** Every setting there is. `certctl serve --help`, `docs/settings.md` and the parser are all made from this table. */
export const settings = {
  listenAcme: setting(listenAddress, ':8443', {
    name: 'CERTCTL_LISTEN_ACME',
    about: 'Where the ACME server listens (HTTPS).',
  }),
  listenPki: setting(optionalListenAddress, ':8080', {
    name: 'CERTCTL_LISTEN_PKI',
    about: 'Where CA certificates are served (plain HTTP by design), or off.',
  }),
  listenMetrics: setting(optionalListenAddress, ':9402', {
    name: 'CERTCTL_LISTEN_METRICS',
    about: 'Where Prometheus finds /metrics, or off. Plain HTTP, unless CERTCTL_METRICS_TLS is on.',
  }),
  metricsTls: setting(oneOf('off', 'on'), 'off', {
    name: 'CERTCTL_METRICS_TLS',
    about: "on serves /metrics over HTTPS alone, with the ACME listener's certificate and versions of TLS.",
  }),
  externalUrls: optional(listOf(baseUrl('https')), {
    name: 'CERTCTL_EXTERNAL_URLS',
    about:
      'Base URLs under which clients reach the ACME server. The Host header selects among them and nothing else; the first is the default. Unset: https://localhost with the port of CERTCTL_LISTEN_ACME.',
  }),
  pkiUrl: optional(baseUrl('http', 'https'), {
    name: 'CERTCTL_PKI_URL',
    about:
      'Base URL under which clients reach the CA certificates. Unset: http://localhost with the port of CERTCTL_LISTEN_PKI.',
  }),
  trustedProxies: list(network, {
    name: 'CERTCTL_TRUSTED_PROXIES',
    about: "Proxies whose X-Forwarded-For is believed for the client's address. Unset: none.",
  }),
  maxConnections: setting(integer({ min: 10, max: 1_000_000 }), '10000', {
    name: 'CERTCTL_MAX_CONNECTIONS',
    about: 'Connections to the ACME listener beyond which requests are answered 503. Probes have some in reserve.',
  }),
  tlsCertFile: optional(existingFile, {
    name: 'CERTCTL_TLS_CERT_FILE',
    about: "PEM chain for the ACME listener, reread when it changes. Unset: a certificate of the server's own making.",
  }),
  tlsKeyFile: optional(existingFile, { name: 'CERTCTL_TLS_KEY_FILE', about: 'PEM key of CERTCTL_TLS_CERT_FILE.' }),
  tlsCaFile: optional(existingFile, {
    name: 'CERTCTL_TLS_CA_FILE',
    about:
      'PEM of what clients must trust for CERTCTL_TLS_CERT_FILE, reread when it changes: published in the cluster and put into ClusterIssuers. Unset: they trust it already.',
  }),
  tlsMinVersion: setting(oneOf('1.2', '1.3'), '1.3', {
    name: 'CERTCTL_TLS_MIN_VERSION',
    about: 'Oldest version of TLS that is spoken.',
  }),
  databaseUrl: optional(postgresUrl, {
    name: 'CERTCTL_DATABASE_URL',
    about: 'Postgres 14 or newer. Unset: an embedded Postgres (PGlite) under --data, for one process.',
    secret: true,
  }),
  databasePoolSize: setting(integer({ min: 1, max: 500 }), '10', {
    name: 'CERTCTL_DATABASE_POOL_SIZE',
    about: 'Connections to Postgres that one process keeps at most.',
  }),
  namespace: setting(dnsLabel, 'certctl', {
    name: 'CERTCTL_NAMESPACE',
    about: "The operator's own namespace: manifests that name none belong to it, and its profiles have short URLs.",
  }),
  watchNamespaces: list(namespaceName, {
    name: 'CERTCTL_WATCH_NAMESPACES',
    about:
      "Namespaces whose Issuers and CertificateProfiles are served in a cluster, or * for all. Unset: the operator's own.",
  }),
  podName: optional(text, {
    name: 'CERTCTL_POD_NAME',
    about: "What this replica is called in the Lease, in events and in the database. Unset: the machine's name.",
  }),
  clusterIssuers: setting(oneOf('off', 'on'), 'off', {
    name: 'CERTCTL_CLUSTER_ISSUERS',
    about:
      "on keeps a cert-manager ClusterIssuer for each profile of the operator's own namespace that asks for one; needs the rights of rbac/cluster-issuers.yaml.",
  }),
  trustNamespaces: list(dnsLabel, {
    name: 'CERTCTL_TRUST_NAMESPACES',
    about:
      'Namespaces in which the ConfigMap certctl-trust tells what clients must trust for the ACME listener. Needs get, create and update on ConfigMaps there. Unset: the own namespace.',
  }),
  clusterTrustBundle: setting(oneOf('off', 'on'), 'off', {
    name: 'CERTCTL_CLUSTER_TRUST_BUNDLE',
    about:
      'on publishes the same as a ClusterTrustBundle, where the API server has that kind (v1beta1: from Kubernetes 1.33 on, and switched on there).',
  }),
  initialManifests: optional(existingFolder, {
    name: 'CERTCTL_INITIAL_MANIFESTS',
    about:
      'Folder of Issuers and CertificateProfiles that are made in the cluster where they are absent, each time a replica begins to reconcile. Needs the right to create both.',
  }),
  manifestsInterval: setting(lookAgain, '10s', {
    name: 'CERTCTL_MANIFESTS_INTERVAL',
    about: 'How often the manifests are looked at when the file system has reported no change.',
  }),
  rateLimitBackend: setting(oneOf('memory', 'postgres'), 'memory', {
    name: 'CERTCTL_RATE_LIMIT_BACKEND',
    about: 'memory counts for this process alone; postgres counts exactly over all processes of one database.',
  }),
  rateLimitJanitorInterval: setting(duration({ min: minute, max: day }), '5m', {
    name: 'CERTCTL_RATE_LIMIT_JANITOR_INTERVAL',
    about: 'How often idle rate-limit buckets are removed.',
  }),
  defaultProfileId: optional(profileId, {
    name: 'CERTCTL_ACME_SERVER_DEFAULT_PROFILE_ID',
    about: 'Profile behind /acme/directory. Unset: there is no default directory.',
  }),
  nonceTtl: setting(duration({ min: 10, max: hour }), '5m', {
    name: 'CERTCTL_ACME_SERVER_NONCE_TTL',
    about: 'How long a nonce may be used.',
  }),
  orderTtl: setting(duration({ min: minute, max: 30 * day }), '24h', {
    name: 'CERTCTL_ACME_SERVER_ORDER_TTL',
    about: 'How long an order may be completed, where the profile says nothing.',
  }),
  authorizationTtl: setting(duration({ min: minute, max: 365 * day }), '24h', {
    name: 'CERTCTL_ACME_SERVER_AUTHZ_TTL',
    about: 'How long an authorization lives, where the profile says nothing.',
  }),
  termsOfServiceUrl: optional(webLink, {
    name: 'CERTCTL_ACME_SERVER_TOS_URL',
    about: 'Terms of service that accounts must agree to, where the profile names none.',
  }),
  websiteUrl: optional(webLink, {
    name: 'CERTCTL_ACME_SERVER_WEBSITE',
    about: 'Web page named in directories, where the profile names none.',
  }),
  caaIdentities: list(domainName, {
    name: 'CERTCTL_ACME_SERVER_CAA_IDENTITIES',
    about: 'Domain names that CAA records use for this CA, where the profile names none.',
  }),
  http01Concurrency: setting(concurrency, '50', {
    name: 'CERTCTL_ACME_SERVER_HTTP01_CONCURRENCY',
    about: 'http-01 validations that run at the same time.',
  }),
  dns01Concurrency: setting(concurrency, '50', {
    name: 'CERTCTL_ACME_SERVER_DNS01_CONCURRENCY',
    about: 'dns-01 validations that run at the same time.',
  }),
  tlsAlpn01Concurrency: setting(concurrency, '50', {
    name: 'CERTCTL_ACME_SERVER_TLSALPN01_CONCURRENCY',
    about: 'tls-alpn-01 validations that run at the same time.',
  }),
  dnsResolvers: list(resolver, {
    name: 'CERTCTL_ACME_SERVER_DNS01_RESOLVER',
    about: "DNS servers for every lookup that validation makes, where the profile names none. Unset: the system's.",
  }),
  validationNetworksCap: list(network, {
    name: 'CERTCTL_ACME_SERVER_VALIDATION_NETWORKS_CAP',
    about:
      'Networks outside of which no profile may let validation connect. Unset: without Kubernetes any; in a cluster the private networks 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fc00::/7.',
  }),
  resolversCap: list(resolver, {
    name: 'CERTCTL_ACME_SERVER_RESOLVERS_CAP',
    about: 'The only DNS servers that a profile may name. Unset: any.',
  }),
  validationHttpPort: setting(port, '80', {
    name: 'CERTCTL_ACME_VALIDATION_HTTP_PORT',
    about: 'Port on which http-01 looks for the answer.',
  }),
  validationTlsPort: setting(port, '443', {
    name: 'CERTCTL_ACME_VALIDATION_TLS_PORT',
    about: 'Port on which tls-alpn-01 looks for the answer.',
  }),
  newAccountsPerHour: setting(upToAMillion, '10000', {
    name: 'CERTCTL_ACME_SERVER_RATE_LIMIT_NEW_ACCOUNTS_PER_HOUR',
    about: 'New accounts an hour from one address (IPv6: one /48), where the profile says nothing.',
  }),
  ordersPerHour: setting(upToAMillion, '20000', {
    name: 'CERTCTL_ACME_SERVER_RATE_LIMIT_ORDERS_PER_HOUR',
    about: 'New orders of one account an hour, where the profile says nothing.',
  }),
  concurrentOrders: setting(upToAMillion, '10000', {
    name: 'CERTCTL_ACME_SERVER_RATE_LIMIT_CONCURRENT_ORDERS',
    about: 'Unfinished orders of one account at a time, where the profile says nothing.',
  }),
  challengeRespondsPerHour: setting(upToAMillion, '60000', {
    name: 'CERTCTL_ACME_SERVER_RATE_LIMIT_CHALLENGE_RESPONDS_PER_HOUR',
    about: 'Challenge responses of one account an hour, where the profile says nothing.',
  }),
  failedValidationsPerHour: setting(upToAMillion, '120', {
    name: 'CERTCTL_ACME_SERVER_RATE_LIMIT_FAILED_VALIDATIONS_PER_HOUR',
    about: 'Failed validations of one account for one identifier an hour, where the profile says nothing.',
  }),
  gcInterval: setting(duration({ min: 1, max: day }), '1m', {
    name: 'CERTCTL_ACME_SERVER_GC_INTERVAL',
    about: 'How often expired nonces, orders and authorizations are removed.',
  }),
  leaseDuration: setting(duration({ min: 1, max: 10 * minute }), '30s', {
    name: 'CERTCTL_LEASE_DURATION',
    about: 'How long a process owns a validation or an issuance before another may take it over.',
  }),
  shutdownDrain: setting(duration({ min: 0, max: 5 * minute }), '0s', {
    name: 'CERTCTL_SHUTDOWN_DRAIN',
    about: 'How long a stopping process still accepts connections after /ready turned false.',
  }),
  shutdownTimeout: setting(duration({ min: 1, max: 5 * minute }), '20s', {
    name: 'CERTCTL_SHUTDOWN_TIMEOUT',
    about: 'How long a stopping process lets requests and validations in flight finish.',
  }),
  logLevel: setting(oneOf('debug', 'info', 'warn', 'error'), 'info', {
    name: 'CERTCTL_LOG_LEVEL',
    about: 'The least important messages that are logged.',
  }),
  testCheckpoint: optional(testCheckpoint, {
    name: 'CERTCTL_TEST_CHECKPOINT',
    about:
      'For crash tests only: the process kills itself (with :stop, stops itself) when it first reaches this label.',
  }),
} as const

/** The settings of this process, parsed and checked. */
export type SettingValues = {
  readonly [Key in keyof typeof settings]: (typeof settings)[Key] extends Setting<infer Value> ? Value : never
}

/** Every setting as a page of Markdown: `docs/settings.md`. */
export function settingsMarkdown(): string {
  const sections = Object.values(settings).map(({ name, fallback, hint, about }) => {
    const unset = fallback === '' ? '' : ` Default: \`${fallback}\`.`
    return `## \`${name}\`\n\n${about}\n\nValue: ${hint}.${unset}\n`
  })
  return [
    '# Settings',
    '',
    'Environment variables that `certctl serve` reads. An empty value counts as unset. All of them are checked at the start',
    'and every mistake is reported at once. This page is printed by `certctl settings --markdown`.',
    '',
    sections.join('\n'),
  ].join('\n')
}

/** Every setting as lines for a terminal. */
export function settingsHelp(): string {
  const lines = Object.values(settings).map(
    ({ name, fallback, about }) => `  ${name}${fallback === '' ? '' : ` (${fallback})`}\n      ${about}`,
  )
  return lines.join('\n')
}
