/** The manifest of a self-signed Issuer `root`. More of its spec may follow: it ends within it. */
export const rootIssuer = `
apiVersion: certctl.io/v1alpha1
kind: Issuer
metadata: { name: root }
spec:
  type: SelfSigned
  selfSigned: { subject: { commonName: Root }, privateKey: { curve: P-256 } }
`
