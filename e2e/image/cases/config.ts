import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageCase } from '../cases.ts'
import { checkout } from '../certctl-image.ts'
import { inspectImage } from '../image-config.ts'

/** What the image says about itself. */
export const configCases: readonly ImageCase[] = [
  {
    name: 'the image runs certctl serve as user 65532, by number',
    async run({ buildah, image }) {
      const { config } = await inspectImage(buildah, image.name)
      assert.equal(config.User, '65532:65532', 'Kubernetes can tell only of a number that it is not root')
      assert.deepEqual([config.Entrypoint, config.Cmd], [['certctl'], ['serve']])
      assert.deepEqual(Object.keys(config.ExposedPorts).toSorted(), ['8080/tcp', '8443/tcp', '9402/tcp'])
      assert.deepEqual(config.Volumes ?? {}, {}, 'an anonymous volume would outlive every container')
    },
  },
  {
    name: 'the environment has no settings and no secrets',
    async run({ buildah, image }) {
      const { config } = await inspectImage(buildah, image.name)
      assert.deepEqual(config.Env.map((line) => line.split('=', 1).join()).toSorted(), ['NODE_ENV', 'PATH'])
    },
  },
  {
    name: 'the health check is certctl health, without a shell, and Docker kills it later than it gives up',
    async run({ buildah, image }) {
      const { config } = await inspectImage(buildah, image.name)
      assert.deepEqual(config.Healthcheck?.Test, ['CMD', 'certctl', 'health'])
      assert.ok(config.Healthcheck.Timeout >= 5e9)
    },
  },
  {
    name: 'the labels say version, commit and licence',
    async run({ buildah, image }) {
      const { version, description } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as {
        version: string
        description: string
      }
      const { Labels } = (await inspectImage(buildah, image.name)).config
      const label = (name: string): string => Labels[`org.opencontainers.image.${name}`] ?? ''
      assert.equal(label('version'), version)
      assert.equal(label('description'), description)
      assert.equal(label('title'), 'certctl')
      assert.equal(label('licenses'), 'Apache-2.0')
      assert.equal(label('revision'), image.recipe.revision)
      assert.equal(label('created'), image.recipe.created)
    },
  },
]
