import assert from 'node:assert/strict'
import { test } from 'node:test'
import { helm4, helms, template } from './testing/helm.ts'
import type { HelmProgram } from './testing/helm-programs.ts'

/** Values that nobody can mean. What is said must have the path of a value and what to write instead. */
interface Refusal {
  readonly title: string
  readonly values: object
  readonly path: RegExp
  readonly remedy: RegExp
}

const external = { enabled: false }
const database = { host: 'pg.example.com', existingSecret: 'certctl-database' }

const contradictions: readonly Refusal[] = [
  {
    title: 'counting in memory with two replicas',
    values: { server: { replicas: 2, rateLimiting: { backend: 'memory' } } },
    path: /server\.rateLimiting\.backend: .*server\.replicas=2/,
    remedy: /set server\.rateLimiting\.backend=postgres, or one replica/,
  },
  {
    title: 'counting in memory with an autoscaler',
    values: { server: { replicas: 1, rateLimiting: { backend: 'memory' } }, autoscaling: { enabled: true } },
    path: /server\.rateLimiting\.backend: .*autoscaling\.maxReplicas=6/,
    remedy: /set server\.rateLimiting\.backend=postgres/,
  },
  {
    title: 'fewer replicas at most than at least',
    values: { autoscaling: { enabled: true, minReplicas: 4, maxReplicas: 3 } },
    path: /autoscaling\.maxReplicas: 3 is less than autoscaling\.minReplicas=4/,
    remedy: /raise it/,
  },
  {
    title: 'a request beyond its limit',
    values: { server: { resources: { requests: { memory: 1073741824 }, limits: { memory: '512Mi' } } } },
    path: /server\.resources\.requests\.memory: .* is more than server\.resources\.limits\.memory=512Mi/,
    remedy: /raise the limit, or lower this/,
  },
  {
    title: 'a budget of both kinds',
    values: { podDisruptionBudget: { minAvailable: 1, maxUnavailable: 1 } },
    path: /podDisruptionBudget\.minAvailable/,
    remedy: /leave one of them empty/,
  },
  {
    title: 'a budget that all replicas are needed for',
    values: { server: { replicas: 3 }, podDisruptionBudget: { minAvailable: 3 } },
    path: /podDisruptionBudget\.minAvailable: 3 of 3/,
    remedy: /set it to 2 or less/,
  },
  {
    title: 'a budget whose percentage, rounded up, is all replicas',
    values: { server: { replicas: 3 }, podDisruptionBudget: { minAvailable: '67%' } },
    path: /podDisruptionBudget\.minAvailable: 67% of 3/,
    remedy: /set it to 2 or less/,
  },
  {
    title: 'a budget of nothing',
    values: { podDisruptionBudget: { maxUnavailable: 0 } },
    path: /podDisruptionBudget\.maxUnavailable: 0/,
    remedy: /set it to 1 or more/,
  },
  {
    title: 'more connections than the database allows',
    values: { server: { replicas: 3, databasePoolSize: 24 } },
    path: /server\.databasePoolSize: 24 for each of 4 replicas need max_connections=103, and the database has 100/,
    remedy: /set postgresql\.parameters\.max_connections="103", or lower this/,
  },
  {
    title: 'a database on another port than its Service',
    values: { postgresql: { parameters: { port: '6543' } } },
    path: /postgresql\.parameters\.port: Service, probes and NetworkPolicy have 5432/,
    remedy: /leave it out/,
  },
  {
    title: 'so many connections in words',
    values: { postgresql: { parameters: { max_connections: 'many' } } },
    path: /postgresql\.parameters\.max_connections: "many" is no number/,
    remedy: /write one, or leave it out/,
  },
  {
    title: 'no database',
    values: { postgresql: external },
    path: /externalDatabase\.host/,
    remedy: /set host and existingSecret, or existingSecret and urlKey/,
  },
  {
    title: 'two databases',
    values: { externalDatabase: database },
    path: /externalDatabase\.host: postgresql\.enabled=true/,
    remedy: /set postgresql\.enabled=false, or leave this empty/,
  },
  {
    title: 'a database without a password',
    values: { postgresql: external, externalDatabase: { host: 'pg.example.com' } },
    path: /externalDatabase\.existingSecret/,
    remedy: /name a Secret/,
  },
  {
    title: 'a host and a URL',
    values: { postgresql: external, externalDatabase: { ...database, urlKey: 'uri' } },
    path: /externalDatabase\.urlKey/,
    remedy: /leave externalDatabase\.host or this empty/,
  },
  {
    title: 'migrating a database before it is there',
    values: { externalDatabase: { migrationJob: true } },
    path: /externalDatabase\.migrationJob: the database of postgresql\.enabled=true is not there/,
    remedy: /set this to false/,
  },
  {
    title: "a password for a database that isn't installed",
    values: { postgresql: { ...external, auth: { existingSecret: 'pg' } }, externalDatabase: database },
    path: /postgresql\.auth\.existingSecret/,
    remedy: /set externalDatabase\.existingSecret/,
  },
  {
    title: 'verifying the database with no CA',
    values: { postgresql: external, externalDatabase: { ...database, sslMode: 'verify-ca' } },
    path: /externalDatabase\.caSecret\.name: sslMode=verify-ca/,
    remedy: /name its Secret, or set sslMode=verify-full/,
  },
  {
    title: 'a CA that verifies nothing',
    values: { postgresql: external, externalDatabase: { ...database, sslMode: 'require', caSecret: { name: 'ca' } } },
    path: /externalDatabase\.caSecret\.name: sslMode=require/,
    remedy: /set externalDatabase\.sslMode=verify-full, or leave this empty/,
  },
  {
    title: 'a CA beside a URL',
    values: {
      postgresql: external,
      externalDatabase: { existingSecret: 'db', urlKey: 'uri', caSecret: { name: 'ca' } },
    },
    path: /externalDatabase\.caSecret\.name/,
    remedy: /leave it empty, or give host/,
  },
  {
    title: 'a certificate that is brought and not named',
    values: { tls: { mode: 'existingSecret' } },
    path: /tls\.existingSecret\.name/,
    remedy: /name one of type kubernetes\.io\/tls/,
  },
  {
    title: 'a certificate that is named and not used',
    values: { tls: { existingSecret: { name: 'mine' } } },
    path: /tls\.existingSecret\.name: tls\.mode=selfSigned/,
    remedy: /set tls\.mode=existingSecret/,
  },
  {
    title: 'a certificate of nobody',
    values: { tls: { mode: 'certManager' } },
    path: /tls\.certManager\.issuerRef\.name/,
    remedy: /name one that certctl itself doesn't serve/,
  },
  {
    title: 'a public certificate for the name of a Service',
    values: { tls: { mode: 'certManager', certManager: { issuerRef: { name: 'public' }, publishCA: false } } },
    path: /tls\.certManager\.publishCA: a CA that everybody knows certifies no certctl\.certctl\.svc/,
    remedy: /name a public host in server\.externalUrls or ingress\.hosts, or set this to true/,
  },
  {
    title: 'renewing a certificate before it is made',
    values: { tls: { certManager: { duration: '24h', renewBefore: '1440m' } } },
    path: /tls\.certManager\.renewBefore: 1440m is as long as the certificate lives \(tls\.certManager\.duration=24h\)/,
    remedy: /shorten it/,
  },
  {
    title: 'an issuer that is named and not used',
    values: { tls: { certManager: { issuerRef: { name: 'corporate' } } } },
    path: /tls\.certManager\.issuerRef\.name/,
    remedy: /set tls\.mode=certManager/,
  },
  {
    title: 'an Ingress without a name',
    values: { ingress: { enabled: true } },
    path: /ingress\.hosts/,
    remedy: /list at least one, such as ca\.example\.com/,
  },
  {
    title: 'names for no Ingress',
    values: { ingress: { hosts: ['ca.example.com'] } },
    path: /ingress\.hosts: ingress\.enabled=false/,
    remedy: /set ingress\.enabled=true, or use server\.externalUrls/,
  },
  {
    title: 'an Ingress to no ACME server',
    values: { ingress: { enabled: true, hosts: ['ca.example.com'] }, acmeServer: { enabled: false } },
    path: /ingress\.enabled: acmeServer\.enabled=false/,
    remedy: /set acmeServer\.enabled=true, or this to false/,
  },
  {
    title: 'ending TLS and passing it through',
    values: { ingress: { enabled: true, hosts: ['ca.example.com'], tlsSecretName: 'ca' } },
    path: /ingress\.tlsSecretName: .*ssl-passthrough/,
    remedy: /set it to 'false', or leave tlsSecretName empty/,
  },
  {
    title: 'ending TLS before certctl without believing who does',
    values: {
      ingress: {
        enabled: true,
        hosts: ['ca.example.com'],
        tlsSecretName: 'ca',
        annotations: { 'nginx.ingress.kubernetes.io/ssl-passthrough': 'false' },
      },
    },
    path: /server\.trustedProxies: ingress\.tlsSecretName ends TLS at the Ingress controller/,
    remedy: /name the network of its pods/,
  },
  {
    title: 'a certificate for no Ingress',
    values: { ingress: { tlsSecretName: 'ca' } },
    path: /ingress\.tlsSecretName: ingress\.enabled=false/,
    remedy: /set ingress\.enabled=true, or leave it empty/,
  },
  {
    title: 'all namespaces and one more',
    values: { server: { watchNamespaces: ['*', 'team-a'] } },
    path: /server\.watchNamespaces/,
    remedy: /leave the others out/,
  },
  {
    title: 'nobody to run as',
    values: { serviceAccount: { create: false } },
    path: /serviceAccount\.name/,
    remedy: /name it/,
  },
  {
    title: 'a default profile that nobody reaches',
    values: { acmeServer: { enabled: false, defaultProfileId: 'web' } },
    path: /acmeServer\.defaultProfileId/,
    remedy: /leave it empty/,
  },
  {
    title: 'a default profile with the namespace that it need not have',
    values: { acmeServer: { defaultProfileId: 'certctl.web' } },
    path: /acmeServer\.defaultProfileId: profiles of the release's own namespace are named without it/,
    remedy: /write web/,
  },
  {
    title: 'a default profile that is not watched',
    values: { acmeServer: { defaultProfileId: 'team-a.web' } },
    path: /acmeServer\.defaultProfileId: profiles of namespace team-a are not served/,
    remedy: /add it to server\.watchNamespaces/,
  },
  {
    title: 'a load balancer that there is not',
    values: { server: { service: { loadBalancerSourceRanges: ['10.0.0.0/8'] } } },
    path: /server\.service\.loadBalancerSourceRanges: server\.service\.type=ClusterIP/,
    remedy: /set server\.service\.type=LoadBalancer, or leave it empty/,
  },
  {
    title: "keeping clients' addresses where none come from outside",
    values: { server: { service: { externalTrafficPolicy: 'Local' } } },
    path: /server\.service\.externalTrafficPolicy: server\.service\.type=ClusterIP/,
    remedy: /set server\.service\.type=LoadBalancer or NodePort/,
  },
  {
    title: 'a denial of no policy',
    values: { networkPolicy: { enabled: false, validation: { enabled: false } } },
    path: /networkPolicy\.validation\.enabled: networkPolicy\.enabled=false/,
    remedy: /set networkPolicy\.enabled=true, or leave this at true/,
  },
  {
    title: 'rules of no policy',
    values: { networkPolicy: { enabled: false, acme: { from: [{ podSelector: {} }] } } },
    path: /networkPolicy\.acme\.from: networkPolicy\.enabled=false/,
    remedy: /set networkPolicy\.enabled=true, or leave it empty/,
  },
  {
    title: 'a share of nothing',
    values: { autoscaling: { enabled: true }, server: { resources: { requests: { cpu: null } } } },
    path: /server\.resources\.requests\.cpu: autoscaling\.enabled=true/,
    remedy: /set it, for example to 100m/,
  },
  {
    title: 'a database of any version',
    values: { postgresql: { image: { tag: '' } } },
    path: /postgresql\.image\.tag: the image needs a version/,
    remedy: /set this, or postgresql\.image\.digest/,
  },
  {
    title: 'a CA of a database that is not used',
    values: { externalDatabase: { caSecret: { name: 'ca' } } },
    path: /externalDatabase\.caSecret\.name: postgresql\.enabled=true/,
    remedy: /leave this empty/,
  },
  {
    title: 'URLs under which nobody answers',
    values: { acmeServer: { enabled: false }, server: { externalUrls: ['https://ca.example.com'] } },
    path: /server\.externalUrls: acmeServer\.enabled=false/,
    remedy: /leave it empty, or set acmeServer\.enabled=true/,
  },
  {
    title: 'ClusterIssuers for what nobody reaches',
    values: { acmeServer: { enabled: false }, server: { clusterIssuers: true } },
    path: /server\.clusterIssuers: acmeServer\.enabled=false/,
    remedy: /set acmeServer\.enabled=true, or this to false/,
  },
  {
    title: 'a password that nobody may make',
    values: { rbac: { create: false } },
    path: /postgresql\.auth\.existingSecret: rbac\.create=false/,
    remedy: /make a Secret with the key postgresql\.auth\.passwordKey, and name it here/,
  },
  {
    title: 'one port for two',
    values: { server: { port: 8080 } },
    path: /server\.pkiPort: 8080 is server\.port too/,
    remedy: /choose another/,
  },
  {
    title: 'scraping what is not served',
    values: { monitoring: { enabled: false, serviceMonitor: { enabled: true } } },
    path: /monitoring\.serviceMonitor\.enabled: monitoring\.enabled=false/,
    remedy: /set monitoring\.enabled=true/,
  },
  {
    title: 'scrapes that outlast their interval',
    values: { monitoring: { serviceMonitor: { interval: '1m', scrapeTimeout: '1m1s' } } },
    path: /monitoring\.serviceMonitor\.scrapeTimeout: 1m1s is longer than monitoring\.serviceMonitor\.interval=1m/,
    remedy: /shorten it/,
  },
  {
    title: 'a name of a certificate that is not shown',
    values: { monitoring: { tls: false, serviceMonitor: { serverName: 'ca.example.com' } } },
    path: /monitoring\.serviceMonitor\.serverName: monitoring\.tls=false/,
    remedy: /set monitoring\.tls=true, or leave it empty/,
  },
  {
    title: 'scraping by a name that no public CA certifies',
    values: {
      tls: { mode: 'existingSecret', existingSecret: { name: 'mine', caKey: '' } },
      monitoring: { serviceMonitor: { enabled: true } },
    },
    path: /monitoring\.serviceMonitor\.serverName: no public CA certifies certctl\.certctl\.svc/,
    remedy: /set it to a name that the certificate has/,
  },
  {
    title: 'an alert that there is not',
    values: { monitoring: { prometheusRule: { disabledAlerts: ['CertctlIsDown'] } } },
    path: /monitoring\.prometheusRule\.disabledAlerts: there is no alert CertctlIsDown/,
    remedy: /write one of CertctlDown, /,
  },
  {
    title: 'samples of nothing',
    values: { sampleProfiles: { enabled: true, objects: [] } },
    path: /sampleProfiles\.objects/,
    remedy: /list them, or set it to false/,
  },
  {
    title: 'a sample twice',
    values: {
      sampleProfiles: {
        enabled: true,
        objects: [
          { kind: 'Issuer', name: 'a', spec: { type: 'SelfSigned' } },
          { kind: 'Issuer', name: 'a', spec: { type: 'SelfSigned' } },
        ],
      },
    },
    path: /sampleProfiles\.objects: Issuer a is listed twice/,
    remedy: /keep one/,
  },
  {
    title: 'a variable that the chart decides',
    values: { server: { extraEnv: [{ name: 'CERTCTL_DATABASE_URL', value: 'postgres://elsewhere/db' }] } },
    path: /server\.extraEnv: CERTCTL_DATABASE_URL is decided by postgresql or externalDatabase/,
    remedy: /leave it out here/,
  },
  {
    title: 'a setting that is another value',
    values: { server: { extraEnv: [{ name: 'CERTCTL_LOG_LEVEL', value: 'debug' }] } },
    path: /server\.extraEnv: CERTCTL_LOG_LEVEL/,
    remedy: /leave it out here/,
  },
  {
    title: 'a setting that the chart leaves empty',
    values: { server: { extraEnv: [{ name: 'CERTCTL_TLS_CERT_FILE', value: '/tmp/tls.crt' }] } },
    path: /server\.extraEnv: CERTCTL_TLS_CERT_FILE is decided by another value/,
    remedy: /leave it out here/,
  },
  {
    title: 'a setting that there is not',
    values: { server: { extraEnv: [{ name: 'CERTCTL_LOGLEVEL', value: 'debug' }] } },
    path: /server\.extraEnv: CERTCTL_LOGLEVEL is no setting/,
    remedy: /correct the name/,
  },
  {
    title: 'a variable with two values',
    values: { server: { extraEnv: [{ name: 'TZ', value: 'UTC', valueFrom: { fieldRef: { fieldPath: 'x' } } }] } },
    path: /server\.extraEnv: TZ has value and valueFrom/,
    remedy: /keep one/,
  },
  {
    title: 'a variable twice',
    values: {
      server: {
        extraEnv: [
          { name: 'TZ', value: 'UTC' },
          { name: 'TZ', value: 'CET' },
        ],
      },
    },
    path: /server\.extraEnv: TZ is listed twice/,
    remedy: /keep one/,
  },
  {
    title: 'a label that selectors rely on',
    values: { commonLabels: { 'app.kubernetes.io/name': 'x' } },
    path: /commonLabels: the label app\.kubernetes\.io\/name/,
    remedy: /use another name/,
  },
  {
    title: 'a label twice',
    values: { commonLabels: { team: 'a' }, server: { podLabels: { team: 'b' } } },
    path: /server\.podLabels: commonLabels has the label team too/,
    remedy: /keep one/,
  },
]

/** Slips in names and values: the schema answers, in the words of each Helm. */
const typos: readonly Refusal[] = [
  {
    title: 'a name of another chart',
    values: { replicaCount: 3 },
    path: /replicaCount/,
    remedy: /one of.*["']server["']/,
  },
  {
    title: 'a slip in a name',
    values: { server: { replica: 3 } },
    path: /server.*replica/s,
    remedy: /one of.*["']replicas["']/,
  },
  {
    title: 'a slip deep down',
    values: { postgresql: { storage: { sise: '1Gi' } } },
    path: /postgresql.storage.*sise/s,
    remedy: /one of.*["']size["']/,
  },
  {
    title: 'a slip in an object of Kubernetes',
    values: { server: { resources: { limit: { memory: '1Gi' } } } },
    path: /server.resources.*limit/s,
    remedy: /one of.*["']limits["']/,
  },
  {
    title: 'a slip in a peer of a NetworkPolicy',
    values: { networkPolicy: { acme: { from: [{ podselector: {} }] } } },
    path: /networkPolicy.acme.from.0.*podselector/s,
    remedy: /one of.*["']podSelector["']/,
  },
  {
    title: 'a backend that there is not',
    values: { server: { rateLimiting: { backend: 'redis' } } },
    path: /server.rateLimiting.backend/,
    remedy: /one of.*["']memory["'], ["']postgres["']/,
  },
  {
    title: 'a duration without a unit',
    values: { server: { rateLimiting: { janitorInterval: '5' } } },
    path: /server.rateLimiting.janitorInterval/,
    remedy: /pattern/,
  },
  {
    title: 'a group that was taken away',
    values: { networkPolicy: { apiServer: null } },
    path: /networkPolicy.*apiServer/s,
    remedy: /required|missing/,
  },
  {
    title: 'a port beyond all ports in a URL',
    values: { server: { externalUrls: ['https://ca.example.com:99999'] } },
    path: /server.externalUrls.0/,
    remedy: /pattern/,
  },
  {
    title: 'a slip in the spec of a sample',
    values: {
      sampleProfiles: {
        enabled: true,
        objects: [
          { kind: 'Issuer', name: 'ca', spec: { type: 'SelfSigned' } },
          {
            kind: 'CertificateProfile',
            name: 'web',
            spec: {
              issuerRef: { name: 'ca' },
              identifiers: { dns: { allowed: ['*.a.example'], denyed: ['b.a.example'] } },
            },
          },
        ],
      },
    },
    path: /sampleProfiles.objects.1.spec.identifiers.dns.*denyed/s,
    remedy: /one of.*["']allowed["']/,
  },
  {
    title: 'a duration that Prometheus has not',
    values: { monitoring: { serviceMonitor: { interval: '1.5m' } } },
    path: /monitoring.serviceMonitor.interval/,
    remedy: /pattern/,
  },
  {
    title: 'a share beyond all',
    values: { podDisruptionBudget: { maxUnavailable: '101%' } },
    path: /podDisruptionBudget.maxUnavailable/,
    remedy: /pattern/,
  },
  {
    title: 'a network that there is not',
    values: { server: { trustedProxies: ['10.0.0.0/33'] } },
    path: /server.trustedProxies.0/,
    remedy: /pattern/,
  },
  {
    title: 'a DNS server by its name',
    values: { acmeServer: { resolvers: ['dns.example.com'] } },
    path: /acmeServer.resolvers.0/,
    remedy: /pattern/,
  },
  {
    title: 'a parameter of nothing',
    values: { postgresql: { parameters: { work_mem: null } } },
    path: /postgresql.parameters.work_mem/,
    remedy: /string/,
  },
  { title: 'a number in words', values: { server: { replicas: 'two' } }, path: /server.replicas/, remedy: /integer/ },
  { title: 'no replicas', values: { server: { replicas: 0 } }, path: /server.replicas/, remedy: /1/ },
  {
    title: 'a port that there is not',
    values: { server: { port: 70_000 } },
    path: /server.port/,
    remedy: /65535|65,535/,
  },
  {
    title: 'a URL that is no base',
    values: { server: { externalUrls: ['https://ca.example.com/acme'] } },
    path: /server.externalUrls.0/,
    remedy: /pattern/,
  },
  {
    title: 'a sample of another kind',
    values: { sampleProfiles: { objects: [{ kind: 'ClusterIssuer', name: 'a', spec: {} }] } },
    path: /sampleProfiles.objects.0.kind/,
    remedy: /one of.*["']Issuer["'], ["']CertificateProfile["']/,
  },
]

/** Texts that no object of Kubernetes may have, by the path of the value. */
const impossible: readonly [path: string, values: object][] = [
  ['image.registry', { image: { registry: 'https://ghcr.io' } }],
  ['image.repository', { image: { repository: 'Foo/Bar' } }],
  ['image.tag', { image: { tag: 'v 1' } }],
  ['postgresql.image.tag', { postgresql: { image: { tag: 'latest:1' } } }],
  ['postgresql.storage.size', { postgresql: { storage: { size: '0Gi' } } }],
  ['postgresql.storage.size', { postgresql: { storage: { size: '8' } } }],
  ['postgresql.storage.className', { postgresql: { storage: { className: 'Fast SSD' } } }],
  ['serviceAccount.name', { serviceAccount: { name: 'My Account' } }],
  ['server.priorityClassName', { server: { priorityClassName: 'High Prio' } }],
  ['server.resources.requests', { server: { resources: { requests: { memry: '1Gi' } } } }],
  ['commonLabels', { commonLabels: { 'a b': 'x' } }],
  ['commonLabels.x', { commonLabels: { x: 'has space' } }],
  [
    'networkPolicy.acme.from.0.ipBlock.cidr',
    { networkPolicy: { acme: { from: [{ ipBlock: { cidr: '10.0.0.0' } }] } } },
  ],
  ['networkPolicy.extraEgress.0', { networkPolicy: { extraEgress: [{ port: 53 }] } }],
  [
    'monitoring.serviceMonitor.metricRelabelings.0.action',
    { monitoring: { serviceMonitor: { metricRelabelings: [{ action: 'dorp' }] } } },
  ],
  ['tls.certManager.issuerRef.kind', { tls: { certManager: { issuerRef: { kind: 'clusterissuer' } } } }],
  ['tls.existingSecret.certKey', { tls: { existingSecret: { certKey: 'tls crt' } } }],
]

function assertRefused({ values, path, remedy }: Refusal, program: HelmProgram): void {
  const { code, output } = template(values, { program })
  assert.notEqual(code, 0, 'it was rendered')
  assert.match(output, path)
  assert.match(output, remedy)
}

// The templates speak, in the same words to both.
for (const refusal of contradictions) {
  test(`refused is ${refusal.title}`, () => assertRefused(refusal, helm4))
}

for (const program of helms) {
  for (const refusal of typos) {
    test(`refused is ${refusal.title} (Helm ${program.major})`, () => assertRefused(refusal, program))
  }
}

test('a release whose name begins with a digit is told to take another', () => {
  const { code, output } = template({}, { release: '3rd' })
  assert.notEqual(code, 0, 'it was rendered')
  assert.match(output, /fullnameOverride: 3rd-certctl, .* begins with a digit, .*; set one that begins with a letter/)
})

test('what others write in other words is taken', () => {
  const digest = `sha256:${'0'.repeat(64)}`
  const { code, output } = template({
    image: { registry: '', repository: 'localhost:5000/certctl/certctl', tag: `1.2.3@${digest}` },
    server: { podAnnotations: { 'Foo.Example.com/Bar': 'x' } },
    postgresql: {
      parameters: { TimeZone: 'UTC', port: '5432', 'pg_stat_statements.track': 'all' },
      storage: { size: '8589934592' },
    },
    monitoring: { serviceMonitor: { metricRelabelings: [{ action: 'LabelDrop', regex: 'pod' }] } },
  })
  assert.equal(code, 0, output)
  assert.ok(output.includes(`"localhost:5000/certctl/certctl:1.2.3@${digest}"`))
})

for (const [path, values] of impossible) {
  test(`refused is ${JSON.stringify(values)}`, () => {
    const { code, output } = template(values)
    assert.notEqual(code, 0, 'it was rendered')
    assert.ok(output.includes(`at '/${path.replaceAll('.', '/')}`), output)
  })
}

test('all contradictions are told at once', () => {
  const { output } = template({ server: { rateLimiting: { backend: 'memory' } }, tls: { mode: 'existingSecret' } })
  assert.match(output, /server\.rateLimiting\.backend: /)
  assert.match(output, /tls\.existingSecret\.name: /)
})

test('without the server nothing contradicts', () => {
  const { code, output } = template({ server: { enabled: false, rateLimiting: { backend: 'memory' } } })
  assert.equal(code, 0, output)
})
