import type { Ground } from './ground.ts'
import { imageValues, Release } from './release.ts'

/** Replicas of the release that most cases are about. */
export const mainReplicas = 2

/** Its values: the chart's own, but for the images, and something to issue with. */
export function mainValues({ images }: Pick<Ground, 'images'>): object {
  return {
    ...imageValues(images.certctl, images.postgres),
    sampleProfiles: { enabled: true },
    server: { clusterIssuers: true },
  }
}

export function mainRelease(ground: Ground): Release {
  return new Release(ground, { name: 'certctl', namespace: 'certctl', helm: 4 })
}
