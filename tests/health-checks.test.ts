import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { unsafeHealthChecks } from './health-checks.ts'

const root = join(import.meta.dirname, '..')
const places = [
  '**/*{Dockerfile,Containerfile}*',
  '**/*compose*.{yml,yaml}',
  'charts/**/*.{yml,yaml,tpl,txt,json}',
  '**/kind-config.yaml',
]
const files = globSync(places, {
  cwd: root,
  exclude: (path) => /(^|\/)(node_modules|\.cache|\.git|values\.schema\.json)$/.test(path),
})

test('the image and the compose file are looked at', () => {
  for (const file of ['Dockerfile', 'docker-compose.yml']) {
    assert.ok(files.includes(file), file)
    assert.match(readFileSync(join(root, file), 'utf8'), /healthcheck/i)
  }
})

for (const file of files) {
  test(`every health check in ${file} uses TLS`, () => {
    const found = unsafeHealthChecks(readFileSync(join(root, file), 'utf8'))
    assert.deepEqual(
      found.map(({ line, what }) => `${file}:${line}: ${what}`),
      [],
    )
  })
}

const unsafe: readonly [text: string, what: string][] = [
  ['HEALTHCHECK CMD curl -f http://localhost:8080/health', 'a URL without TLS'],
  ['HEALTHCHECK CMD curl -f http://localhost:8080/', 'a check that needs a shell'],
  ['HEALTHCHECK --interval=5s \\\n  CMD ["curl", "http://localhost:8080/"]', 'a command that asks without TLS'],
  ['HEALTHCHECK CMD certctl health', 'a check that needs a shell'],
  ['HEALTHCHECK CMD ["node", "probe.js"]', 'a command that is not known to use TLS'],
  ['healthcheck:\n  test: [CMD, wget, "http://localhost:8080"]', 'a command that asks without TLS'],
  ['healthcheck:\n  test: [CMD, nc, -z, localhost, "8443"]', 'a command that is not known to use TLS'],
  ['livenessProbe:\n  tcpSocket: {port: 8443}', 'a probe without TLS'],
  ['readinessProbe:\n  grpc:\n    port: 8443', 'a probe without TLS'],
  ['livenessProbe:\n  exec:\n    command: [wget, -q, localhost:8080]', 'a command that is not known to use TLS'],
  ['    - httpGet:\n        path: /health\n        port: http', 'httpGet without scheme: HTTPS'],
  ['httpGet: {path: /health, port: 8080}', 'httpGet without scheme: HTTPS'],
  ['httpGet:\n  path: /health\n  scheme: HTTP', 'httpGet without scheme: HTTPS'],
  ['httpGet:\n  scheme: {{ .Values.scheme }}', 'httpGet without scheme: HTTPS'],
  ['httpGet:\n  path: /health\nother:\n  scheme: HTTPS', 'httpGet without scheme: HTTPS'],
  ['httpGet:\n  path: /health\n  # scheme: HTTPS', 'httpGet without scheme: HTTPS'],
  ['"livenessProbe": {"httpGet": {"path": "/health"}}', 'httpGet without scheme: HTTPS'],
  ['lifecycle: {preStop: {httpGet: {path: /stop, port: 80}}}', 'httpGet without scheme: HTTPS'],
  ['args: ["--probe", "http://certctl:8080/ready"]', 'a URL without TLS'],
]

for (const [text, what] of unsafe) {
  test(`found: ${JSON.stringify(text)}`, () => {
    assert.deepEqual([...new Set(unsafeHealthChecks(text).map((finding) => finding.what))], [what])
  })
}

const safe = [
  'HEALTHCHECK NONE',
  'HEALTHCHECK --timeout=5s CMD ["certctl", "health"]',
  'healthcheck:\n  test: [CMD, certctl, health]',
  'healthcheck:\n  test: [CMD, pg_isready, --quiet]',
  'healthcheck:\n  disable: true',
  'livenessProbe:\n  httpGet:\n    path: /health\n    {{- if .x }}\n    port: acme\n    {{- end }}\n    scheme: HTTPS',
  'httpGet: {path: /health, port: acme, scheme: HTTPS}',
  'readinessProbe:\n  exec:\n    command: [pg_isready]',
  'startupProbe:\n  {{- toYaml .Values.server.startupProbe | nindent 2 }}',
  '# HEALTHCHECK CMD curl http://localhost/health',
  'CERTCTL_PKI_URL: http://certctl.certctl.svc:8080',
]

for (const text of safe) {
  test(`passed: ${JSON.stringify(text)}`, () => assert.deepEqual(unsafeHealthChecks(text), []))
}
