import assert from 'node:assert/strict'
import { chown, cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { callHttp } from '../../harness/http-client.ts'
import type { CaseContext, ImageCase } from '../cases.ts'
import { checkout } from '../certctl-image.ts'
import type { Container } from '../container.ts'

const standalone = ['serve', '--manifests', '/etc/certctl/manifests', '--data', '/var/lib/certctl']

/** A container with the sample manifests and an empty volume for its data. */
async function containerWithSamples({ container, folder }: CaseContext): Promise<Container> {
  const manifests = join(folder, 'manifests')
  const data = join(folder, 'data')
  await cp(join(checkout, 'crds', 'samples'), manifests, { recursive: true })
  await mkdir(data, { mode: 0o700 })
  await chown(data, 65532, 65532)
  return container({
    volumes: [
      { source: manifests, target: '/etc/certctl/manifests', readOnly: true },
      { source: data, target: '/var/lib/certctl', readOnly: false },
    ],
  })
}

async function answers(path: string): Promise<boolean> {
  const answer = await callHttp(`https://127.0.0.1:8443${path}`, { insecure: true }).catch(() => undefined)
  return answer?.status === 200
}

/** What the image does when it runs: read-only, without rights, without a shell. */
export const runningCases: readonly ImageCase[] = [
  {
    name: 'certctl version answers',
    async run({ container }) {
      const { code, output } = await (await container()).run(['version'])
      assert.equal(code, 0, output)
      assert.match(output, /^certctl \d+\.\d+\.\d+\n$/)
    },
  },
  {
    name: 'it serves with a read-only root and no rights, is healthy while it does, and unhealthy when it is gone',
    async run(context) {
      const container = await containerWithSamples(context)
      assert.equal((await container.checkHealth()).healthy, false, 'nothing runs yet')
      const begun = performance.now()
      await using server = await container.start(standalone)
      await server.until('it was alive', () => answers('/health'))
      context.note(`alive after ${((performance.now() - begun) / 1000).toFixed(1)} s`)
      await server.until('it was ready', () => answers('/ready'))
      assert.deepEqual(await container.checkHealth(), { healthy: true, output: '' })

      const status = await server.status()
      assert.deepEqual(status.get('Uid')?.split('\t'), ['65532', '65532', '65532', '65532'])
      assert.deepEqual(status.get('Gid')?.split('\t'), ['65532', '65532', '65532', '65532'])
      assert.deepEqual([status.get('Groups'), status.get('NoNewPrivs')], ['', '1'])
      for (const set of ['CapPrm', 'CapEff']) assert.match(status.get(set) ?? '', /^0+$/)
      assert.equal(status.get('NSpid')?.split('\t').at(-1), '1', 'nobody passes signals on')
      await assert.rejects(writeFile(join(container.root, 'opt', 'x'), ''), { code: 'EROFS' })
      assert.deepEqual(await readdir(join(container.root, 'tmp')), [], 'it needs no place to write but its data')

      server.signal('SIGTERM')
      assert.equal(await server.ended(), 0, server.lines.join('\n'))
      const { healthy, output } = await container.checkHealth()
      assert.equal(healthy, false)
      assert.equal(output, 'unhealthy: https://127.0.0.1:8443/health does not answer: ECONNREFUSED\n')
    },
  },
  {
    name: 'a server that hangs is unhealthy, and healthy again when it goes on',
    async run(context) {
      const container = await containerWithSamples(context)
      await using server = await container.start(standalone)
      await server.until('it was alive', () => answers('/health'))
      server.signal('SIGSTOP')
      const { healthy, output } = await container.checkHealth()
      assert.equal(healthy, false)
      assert.equal(output, 'unhealthy: https://127.0.0.1:8443/health does not answer: nothing came within 3 s\n')
      server.signal('SIGCONT')
      await server.until('it answered again', async () => (await container.checkHealth()).healthy)
    },
  },
  {
    name: 'a listener without TLS is unhealthy',
    async run({ container }) {
      const alive: RequestListener = (_, response) => response.end('alive\n')
      const plain = createServer(alive).listen(8443, '127.0.0.1')
      await once(plain, 'listening')
      try {
        assert.equal((await (await container()).checkHealth()).healthy, false)
      } finally {
        plain.close()
        plain.closeAllConnections()
        await once(plain, 'close')
      }
    },
  },
  {
    name: 'the code starts compiled',
    async run({ container }) {
      const isolated = await container()
      const { code, output } = await isolated.run(['crd', 'print'], { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' })
      assert.equal(code, 0, output)
      const accepted = output.match(/cache for .* was accepted/g)?.length ?? 0
      assert.ok(accepted > 20, `${accepted} modules came from the cache:\n${output.slice(0, 4000)}`)
      assert.doesNotMatch(output, /was rejected/)
    },
  },
  {
    name: 'every package that is loaded late is there',
    async run({ container, folder }) {
      const kubeconfig = join(folder, 'kubeconfig')
      await mkdir(kubeconfig)
      await writeFile(join(kubeconfig, 'config'), 'apiVersion: v1\nkind: Config\n')
      const isolated = await container({ volumes: [{ source: kubeconfig, target: '/kube', readOnly: true }] })
      const { code, output } = await isolated.run(['serve', '--kubeconfig', '/kube/config'])
      assert.equal(code, 1)
      assert.match(output, /certctl can't start\. /)
      assert.doesNotMatch(output, /ERR_MODULE_NOT_FOUND|Cannot find/)
    },
  },
  {
    name: 'outside of a cluster it says what is missing',
    async run({ container }) {
      const { code, output } = await (await container()).run(['serve'])
      assert.equal(code, 1)
      assert.match(output, /certctl can't start\. /)
      assert.doesNotMatch(output, /\n\s+at /, 'a stack helps nobody here')
    },
  },
]
