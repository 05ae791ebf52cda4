/** What a newcomer needs after the first start. */
export interface BannerFacts {
  readonly externalUrl: string
  readonly pkiUrl: string
  readonly profileIds: readonly string[]
  /** What clients must trust for the listener; absent where its certificate was brought along. */
  readonly caFile?: string
  /** What that file holds, for those who want it inline. */
  readonly caPem?: string
  /** Public ids of the Issuers. */
  readonly issuerIds: readonly string[]
}

/** Lines to read and to copy: where the directories are, what to trust, and one line for each of the common clients. */
export function banner(facts: BannerFacts): string {
  const { externalUrl, pkiUrl, profileIds, caFile, caPem, issuerIds } = facts
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
    '',
    '  lego',
    `    LEGO_CA_CERTIFICATES=${trust} lego --server ${first} --accept-tos --email me@example.com --domains app.example.com --http --http.port :5002 run`,
    '',
    '  Caddy',
    `    printf '{\\n acme_ca ${first}\\n acme_ca_root ${trust}\\n}\\napp.example.com\\n' | caddy run --adapter caddyfile --config -`,
    '',
    '  cert-manager (in a cluster that reaches this address; CERTCTL_EXTERNAL_URLS names another)',
    `    ${clusterIssuer(first, caPem)}`,
    '',
  ].join('\n')
}

/** One line to paste; JSON is YAML too. */
function clusterIssuer(server: string, caPem: string | undefined): string {
  const acme = {
    server,
    ...(caPem !== undefined && { caBundle: Buffer.from(caPem).toString('base64') }),
    privateKeySecretRef: { name: 'certctl-account' },
    solvers: [{ http01: { ingress: {} } }],
  }
  const manifest = {
    apiVersion: 'cert-manager.io/v1',
    kind: 'ClusterIssuer',
    metadata: { name: 'certctl' },
    spec: { acme },
  }
  return `echo '${JSON.stringify(manifest)}' | kubectl apply -f -`
}
