import type { Buildah } from './buildah.ts'
import type { CertctlImage } from './certctl-image.ts'
import type { Container, ContainerOptions } from './container.ts'

/** What a case has at hand. */
export interface CaseContext {
  readonly buildah: Buildah
  /** The image under test. */
  readonly image: CertctlImage
  /** A folder of the case's own. */
  readonly folder: string
  /** A container of the image under test. */
  readonly container: (options?: ContainerOptions) => Promise<Container>
  /** Says something worth knowing, such as a measurement, in the line of the case. */
  readonly note: (text: string) => void
}

/** One thing that must be so. */
export interface ImageCase {
  readonly name: string
  run(context: CaseContext): Promise<void>
}
