import { createHash } from 'node:crypto'

/** The parts of a CycloneDX document that npm makes up anew each time. */
interface CycloneDx {
  serialNumber?: string
  readonly metadata: { timestamp?: string; readonly component: { name?: string; type?: string } }
  readonly components: readonly { readonly name: string; readonly version: string }[]
}

/**
 * What `npm sbom` prints, so that the same lock file gives the same document: its number follows from its content, its
 * time is that of the release, and it has the name of the package and not of the folder that it was made in.
 */
export function settleSbom(text: string, release: { name: string; created: string }): string {
  const document = JSON.parse(text) as CycloneDx
  document.metadata.timestamp = release.created
  document.metadata.component.name = release.name
  document.metadata.component.type = 'application'
  delete document.serialNumber
  const hash = createHash('sha256').update(JSON.stringify(document)).digest('hex')
  // A UUID of version 8: its bits are what its maker wants (RFC 9562, section 5.8).
  const parts = [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ]
  document.serialNumber = `urn:uuid:${parts.join('-')}`
  return `${JSON.stringify(document, undefined, 2)}\n`
}
