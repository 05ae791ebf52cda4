import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:https'
import { join } from 'node:path'
import acme from 'acme-client'
import type { Authorization, Client } from 'acme-client'
import type { DirectoryName } from '../harness/acme-server.ts'
import { isRefused, issues, registers, renews, reusesAccount, type ClientSuite, type Obtain } from '../harness/cases.ts'
import { serveAlpnCertificates, serveChallengeFiles } from '../harness/responders.ts'
import type { Session } from '../harness/session.ts'

type ChallengeType = 'http-01' | 'dns-01' | 'tls-alpn-01'

/** npm acme-client: the library of Node programs, used as its documentation does, with ECDSA keys. */
export const acmeClient: ClientSuite = {
  name: 'acme-client',
  programs: [],
  cases: {
    register: registers(
      'challenge',
      async (session) => void (await (await clientOf(session, 'challenge')).createAccount(registration)),
      accounts,
    ),
    trust: issues({ directory: 'trust', labels: ['trust'], obtain: obtainBy('http-01') }),
    'http-01': issues({ directory: 'challenge', labels: ['http', 'www.http'], obtain: obtainBy('http-01') }),
    'dns-01': issues({ directory: 'challenge', labels: ['dns'], obtain: obtainBy('dns-01') }),
    'tls-alpn-01': issues({ directory: 'challenge', labels: ['alpn'], obtain: obtainBy('tls-alpn-01') }),
    wildcard: issues({ directory: 'challenge', labels: ['*.wild', 'wild'], obtain: obtainBy('dns-01') }),
    renew: renews({ directory: 'challenge', labels: ['http', 'www.http'], obtain: obtainBy('http-01') }),
    reuse: reusesAccount({ directory: 'challenge', labels: ['reuse'], obtain: obtainBy('http-01') }, accounts),
    refusal: isRefused('challenge', async (session, name) => {
      const client = await clientOf(session, 'challenge')
      await client.createAccount(registration)
      return client.createOrder({ identifiers: [{ type: 'dns', value: name }] }).then(
        () => 'the order was accepted',
        (error: unknown) => String(error),
      )
    }),
  },
}

const registration = { termsOfServiceAgreed: true, contact: ['mailto:acme-client@example.com'] }

function obtainBy(type: ChallengeType): Obtain {
  return async (session, { directory, names }) => {
    const client = await clientOf(session, directory)
    const [, csr] = await acme.crypto.createCsr({ altNames: [...names] }, await acme.crypto.createPrivateEcdsaKey())
    const web = await session.folder('web')
    const alpn = await session.folder('alpn')
    const alpnFiles = (name: string) => ({
      certificateFile: join(alpn, `${name}.crt`),
      keyFile: join(alpn, `${name}.key`),
    })
    await using _web = await serveChallengeFiles(session.address, web)
    await using _alpn = await serveAlpnCertificates(session.address, alpnFiles)

    const show: Record<ChallengeType, (authorization: Authorization, token: string, proof: string) => Promise<void>> = {
      'http-01': (_, token, proof) => writeFile(join(web, token), proof),
      'dns-01': ({ identifier }, _, proof) => appendFile(session.challengeTxtFile(identifier.value), `${proof}\n`),
      async 'tls-alpn-01'(authorization, _, proof) {
        const [key, certificate] = await acme.crypto.createAlpnCertificate(authorization, proof)
        const files = alpnFiles(authorization.identifier.value)
        await writeFile(files.keyFile, key)
        await writeFile(files.certificateFile, certificate)
      },
    }
    return await client.auto({
      csr,
      email: 'acme-client@example.com',
      termsOfServiceAgreed: true,
      challengePriority: [type],
      // The server is to find out, not the client.
      skipChallengeVerification: true,
      challengeCreateFn: (authorization, challenge, proof) => show[type](authorization, challenge.token, proof),
      challengeRemoveFn: ({ identifier }) => rm(session.challengeTxtFile(identifier.value), { force: true }),
    })
  }
}

async function clientOf(session: Session, directory: DirectoryName): Promise<Client> {
  acme.axios.defaults.httpsAgent = new Agent({ ca: await readFile(session.server.tlsCaFile) })
  acme.setLogger((message) => session.note(message))
  const directoryUrl = session.directory(directory)
  const [backoffAttempts, backoffMin, backoffMax] = [20, 200, 1000]
  return new acme.Client({
    directoryUrl,
    accountKey: await accountKey(session),
    backoffAttempts,
    backoffMin,
    backoffMax,
  })
}

async function accountKey(session: Session): Promise<string> {
  const stored = await session.read('account.key').catch(() => undefined)
  if (stored !== undefined) return stored
  const key = String(await acme.crypto.createPrivateEcdsaKey())
  await session.write('account.key', key)
  return key
}

/** Registering again with the same key must find the same account. */
async function accounts(session: Session): Promise<string[]> {
  const client = await clientOf(session, 'challenge')
  await client.createAccount(registration)
  return [client.getAccountUrl()]
}
