import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unsafeHealthChecks } from './health-checks.ts'

const url = 'a URL without TLS'
const shell = 'a check that is no exec array'
const command = 'a command other than [certctl, health] and [pg_isready, …]'
const scheme = 'httpGet without scheme: HTTPS'
const handler = 'a probe that is neither httpGet nor exec'
const balancer = "a load balancer's check without HTTPS"
const template = 'a template decides'
const hidden = 'a health check inside a string'
const unreadable = 'a health check in a file that is no YAML'

const unsafe: Readonly<Record<string, readonly [text: string, what: string][]>> = {
  'a Dockerfile': [
    ['HEALTHCHECK CMD curl -f http://localhost:8080/', shell],
    ['HEALTHCHECK CMD certctl health', shell],
    ['healthcheck cmd curl localhost:8080/', shell],
    ['HEALTHCHECK NONE', shell],
    ['HEALTHCHECK', shell],
    ['HEALTHCHECK CMD [certctl, health]', shell],
    ['HEALTHCHECK CMD ["certctl", "health"] || exit 1', shell],
    ['ONBUILD HEALTHCHECK CMD curl localhost:8080/health', shell],
    ['ONBUILD \\\n  HEALTHCHECK CMD curl localhost:8080/health', shell],
    ['HEALTHCHECK\\\n  --interval=30s CMD ["curl","-f","http://localhost:8080/"]', command],
    ['HEALTHCHECK --interval=5s \\\n# why\n\n  CMD ["curl", "http://localhost:8080/"]', command],
    ['HEALTH\\\nCHECK CMD ["curl", "http://localhost:8080/"]', command],
    ['# escape=`\nHEALTHCHECK `\n  CMD ["curl", "http://localhost:8080/"]', command],
    ['RUN echo `date`\nHEALTHCHECK CMD ["wget", "localhost:8080"]', command],
    ['HEALTHCHECK CMD ["curl", "--referer", "https://localhost/", "localhost:8080/ready"]', command],
    ['HEALTHCHECK CMD ["curl", "https://localhost:8443/health"]', command],
    ['HEALTHCHECK CMD ["sh", "-c", "certctl health"]', command],
    ['HEALTHCHECK CMD ["certctl", "health", "||", "true"]', command],
    ['HEALTHCHECK CMD ["certctl", "serve"]', command],
    ['HEALTHCHECK CMD []', command],
    ['HEALTHCHECK CMD ["pg_isready", "||", "true"]', command],
  ],
  'a compose file': [
    ['healthcheck:\n  test: [CMD-SHELL, "certctl health || wget -q localhost:8080/ready"]', shell],
    ['healthcheck:\n  test: [CMD-SHELL, certctl health]', shell],
    ['healthcheck:\n  test: curl -f localhost:8080', shell],
    ['healthcheck:\n  test: certctl health', shell],
    ['healthcheck:\n  test: >-\n    curl localhost:8080', shell],
    ['healthcheck:\n  test: [NONE]', shell],
    ['healthcheck:\n  test:\n    - CMD\n    - wget\n    - localhost:8080', command],
    ['healthcheck:\n  test: [CMD, wget, "--header=Referer: https://a", "localhost:8080"]', command],
    ['healthcheck:\n  test: [CMD, nc, -z, localhost, "8443"]', command],
    ['healthcheck:\n  test: [CMD, sh, -c, certctl health]', command],
    ['healthcheck:\n  test: [CMD, certctl, health, "||", curl]', command],
    ['x-check: &check\n  test: [CMD, wget]\nhealthcheck: *check', command],
    ['x-check: &check\n  test: [CMD, wget]\nhealthcheck:\n  <<: *check\n  interval: 5s', command],
    ['healthcheck:\n  test: [CMD, certctl, health]\n  disable: true', 'a check that is switched off'],
    ['healthcheck: { disable: true }', 'a check that is switched off'],
    ['healthcheck:\n  interval: 5s', balancer],
    ['healthcheck:', balancer],
  ],
  'a manifest': [
    ['livenessProbe:\n  tcpSocket: { port: 8443 }', handler],
    ['readinessProbe:\n  grpc:\n    port: 8443', handler],
    ['livenessProbe: { httpGet: { scheme: HTTPS }, tcpSocket: { port: 80 } }', handler],
    ['startupProbe: {}', handler],
    ['livenessProbe:\n  exec:\n    command: [wget, -q, localhost:8080]', command],
    ['livenessProbe:\n  exec:\n    command: [curl, -x, "https://proxy", localhost:8080]', command],
    ['livenessProbe:\n  exec:\n    command: [sh, -c, certctl health]', command],
    ['livenessProbe:\n  exec:\n    command: certctl health', command],
    ['- httpGet:\n    path: /health\n    port: http', scheme],
    ['httpGet: { path: /health, port: 8080 }', scheme],
    ['httpGet:\n  path: /health\n  scheme: HTTP', scheme],
    ['httpGet:\n  path: /health\nother:\n  scheme: HTTPS', scheme],
    ['httpGet:\n  path: /health\n  # scheme: HTTPS', scheme],
    ['httpGet:\n  path: /health\n  httpHeaders: [{ name: scheme, value: "scheme: HTTPS" }]', scheme],
    ['{"livenessProbe": {"httpGet": {"path": "/health"}}}', scheme],
    ['{"livenessProbe": {"httpGet": {"port": 1}}, "readinessProbe": {"httpGet": {"scheme": "HTTPS"}}}', scheme],
    ['{ livenessProbe: { httpGet: {} }, readinessProbe: { httpGet: { scheme: HTTPS } } }', scheme],
    ['{ note: "{{", livenessProbe: { httpGet: { port: 1 }}}', scheme],
    ['lifecycle: { preStop: { httpGet: { path: /stop, port: 80 } } }', scheme],
    ['a: 1\n---\nhttpGet: { port: 80 }', scheme],
    ['httpGet: { scheme: HTTP, scheme: HTTPS }', 'a key that is said twice'],
    ['args: ["--probe", "http://certctl:8080/ready"]', url],
    ['args: ["--probe", "HTTP://certctl:8080/health"]', url],
    ['manifest: |\n  livenessProbe:\n    tcpSocket: { port: 80 }', hidden],
    ['options: >-\n  --health-cmd "curl localhost:8080"', hidden],
  ],
  'an annotation': [
    ['service.beta.kubernetes.io/aws-load-balancer-healthcheck-protocol: http', balancer],
    ['service.beta.kubernetes.io/azure-load-balancer-health-probe-protocol: Http', balancer],
    ['service.beta.kubernetes.io/do-loadbalancer-healthcheck-protocol: tcp', balancer],
    ['alb.ingress.kubernetes.io/healthcheck-path: /health', balancer],
    ['annotations: { healthcheck-protocol: HTTP }', balancer],
    ['annotations: { healthcheck-protocol: HTTPS, health-check-type: http }', balancer],
    ['kind: BackendConfig\nspec:\n  healthCheck: { type: HTTP, requestPath: /health, port: 8080 }', balancer],
    ['healthCheck: { requestPath: /health }', balancer],
    ['cloud.google.com/check: \'{"healthCheck": {"type": "HTTP"}}\'', hidden],
  ],
  'a template': [
    ['{{- if .x }}\nhttpGet: { path: /health }\n{{- end }}', scheme],
    ['httpGet:\n  scheme: {{ .Values.scheme }}', scheme],
    ['httpGet:\n  port: a\n  scheme: {{ if .x }}HTTP{{ else }}HTTPS{{ end }}', scheme],
    ['httpGet:\n  port: a\n  {{- if .x }}\n  scheme: HTTPS\n  {{- end }}', template],
    ['livenessProbe:\n  {{- toYaml .Values.server.livenessProbe | nindent 2 }}', handler],
    ['livenessProbe:\n  {{- if .x }}\n  tcpSocket: { port: 1 }\n  {{- end }}', template],
    ['{{ $which }}Probe:\n  exec: { command: [wget, {{ .url | quote }}] }', command],
    ['livenessProbe:\n  {{- /* why */}}\n  {{- if .x }}\n  httpGet: { scheme: HTTPS }\n  {{- end }}\n  a: 1', template],
    ['a: b: {{ c }}\nlivenessProbe: { tcpSocket: {} }', unreadable],
    ['a: b: c\n"httpGet": { port: 80 }', unreadable],
    ['a: b: c\nalb.ingress.kubernetes.io/healthcheck-protocol: HTTP', unreadable],
  ],
}

for (const [where, samples] of Object.entries(unsafe)) {
  for (const [text, what] of samples) {
    test(`found in ${where}: ${JSON.stringify(text)}`, () => {
      const found = unsafeHealthChecks(text).map((finding) => finding.what)
      assert.ok(found.includes(what), `found ${JSON.stringify(found)}`)
    })
  }
}

test('each of several checks is judged by itself, and told with its line', () => {
  const manifest =
    'livenessProbe:\n  httpGet: { port: 1 }\nreadinessProbe:\n  httpGet: { scheme: HTTPS }\nstartupProbe: {}'
  assert.deepEqual(unsafeHealthChecks(manifest), [
    { line: 2, what: scheme },
    { line: 5, what: handler },
  ])
  const inTemplate = '{{- if .x }}\nport: {{ .y }}\n{{- end }}\nhttpGet: { port: {{ .z }} }'
  assert.deepEqual(unsafeHealthChecks(inTemplate), [{ line: 4, what: scheme }])
})

const safe = [
  'HEALTHCHECK CMD ["certctl", "health"]',
  'HEALTHCHECK --timeout=5s \\\n  --retries=3 CMD ["certctl", "health"]',
  '# HEALTHCHECK CMD curl http://localhost/health',
  'healthcheck:\n  test: [CMD, certctl, health]\n  interval: 5s',
  'healthcheck:\n  test: [CMD, pg_isready, --quiet, --host=127.0.0.1]',
  'httpGet: { path: /health, port: acme, scheme: HTTPS }',
  '{{- if .x }}\nlivenessProbe:\n  httpGet: { port: {{ .y }}, scheme: HTTPS }\n  periodSeconds: {{ .z }}\n{{- end }}',
  'livenessProbe:\n  exec:\n    command: [certctl, health]',
  'readinessProbe:\n  exec: { command: [pg_isready, -p, "5432", -U, {{ .user | quote }}] }',
  'healthCheck: { type: HTTPS, requestPath: /health }',
  'alb.ingress.kubernetes.io/healthcheck-path: /health\nalb.ingress.kubernetes.io/healthcheck-protocol: HTTPS',
  'CERTCTL_PKI_URL: http://certctl.certctl.svc:8080',
]

for (const text of safe) {
  test(`passed: ${JSON.stringify(text)}`, () => assert.deepEqual(unsafeHealthChecks(text), []))
}
