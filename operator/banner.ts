/** What a newcomer needs after the first start. */
export interface BannerFacts {
  readonly externalUrl: string
  readonly pkiUrl: string
  readonly profileIds: readonly string[]
  /** What clients must trust for the listener; absent where its certificate was brought along. */
  readonly caFile?: string
  /** Public ids of the Issuers. */
  readonly issuerIds: readonly string[]
}

/** Lines to read and to copy: where the directories are, what to trust, and one line for each of the common clients. */
export function banner(facts: BannerFacts): string {
  const { externalUrl, pkiUrl, profileIds, caFile, issuerIds } = facts
  const directory = (id: string): string => `${externalUrl}/acme/profile/${id}/directory`
  const first = directory(profileIds[0] ?? '<profile>')
  const trust = caFile ?? '<the CA of the listener>'
  return [
    '',
    'certctl is ready.',
    '',
    'Directories',
    ...profileIds.map((id) => `  ${directory(id)}`),
    '',
    'Trust',
    `  ${trust}  (the listener: ACME clients need it)`,
    ...issuerIds.map((id) => `  ${pkiUrl}/ca/${id}.pem  (what ${id} issues)`),
    '',
    'A first certificate',
    '  certbot',
    `    REQUESTS_CA_BUNDLE=${trust} certbot certonly --standalone --server ${first} --agree-tos --register-unsafely-without-email -d app.example.com --config-dir certbot --work-dir certbot --logs-dir certbot`,
    '  lego',
    `    LEGO_CA_CERTIFICATES=${trust} lego --server ${first} --accept-tos --email me@example.com --domains app.example.com --http --http.port :5002 run`,
    '  Caddy (Caddyfile, global options)',
    `    { acme_ca ${first}`,
    `      acme_ca_root ${trust} }`,
    '  cert-manager (caBundle: base64 -w0 of the file to trust)',
    ...clusterIssuer(first),
    '',
  ].join('\n')
}

function clusterIssuer(server: string): string[] {
  return [
    '    apiVersion: cert-manager.io/v1',
    '    kind: ClusterIssuer',
    '    metadata: {name: certctl}',
    '    spec:',
    '      acme:',
    `        server: ${server}`,
    '        caBundle: <base64>',
    '        privateKeySecretRef: {name: certctl-account}',
    '        solvers: [{http01: {ingress: {}}}]',
  ]
}
