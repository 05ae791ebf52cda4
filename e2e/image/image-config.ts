import type { Buildah } from './buildah.ts'

/** How an image wants to be run, as Docker knows it. */
export interface ImageConfig {
  readonly User: string
  readonly Env: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly WorkingDir: string
  readonly ExposedPorts: Readonly<Record<string, object>>
  readonly Volumes: Readonly<Record<string, object>> | null
  readonly Labels: Readonly<Record<string, string>>
  /** Times in nanoseconds. */
  readonly Healthcheck?: {
    readonly Test: readonly string[]
    readonly Interval: number
    readonly Timeout: number
    readonly StartPeriod: number
    readonly Retries: number
  }
}

export interface ImageFacts {
  readonly config: ImageConfig
  /** Digests of the layers' archives, lowest layer first: the same archives, the same digests. */
  readonly layers: readonly string[]
}

export async function inspectImage(buildah: Buildah, image: string): Promise<ImageFacts> {
  const { Docker } = JSON.parse(await buildah.run(['inspect', '--type', 'image', image])) as {
    readonly Docker: { readonly config: ImageConfig; readonly rootfs: { readonly diff_ids: readonly string[] } }
  }
  return { config: Docker.config, layers: Docker.rootfs.diff_ids }
}
