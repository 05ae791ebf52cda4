import { existsSync } from 'node:fs'
import type { DirectoryName } from '../harness/acme-server.ts'
import {
  isRefused,
  issues,
  registersByObtaining,
  renews,
  reusesAccount,
  type ClientSuite,
  type Wanted,
} from '../harness/cases.ts'
import { serveChallengeFiles } from '../harness/responders.ts'
import type { Session } from '../harness/session.ts'

/** acme-tiny: 200 lines of Python over http-01, with an RSA account key. It registers anew at every start. */
export const acmeTiny: ClientSuite = {
  name: 'acme-tiny',
  programs: ['acme-tiny', 'openssl'],
  cases: {
    register: registersByObtaining(obtain, accounts),
    trust: issues({ directory: 'trust', labels: ['trust'], obtain }),
    'http-01': issues({ directory: 'challenge', labels: ['http', 'www.http'], obtain }),
    renew: renews({ directory: 'challenge', labels: ['http', 'www.http'], obtain }),
    reuse: reusesAccount({ directory: 'challenge', labels: ['reuse'], obtain }, accounts),
    refusal: isRefused('challenge', async (session, name) =>
      session.runFailing('acme-tiny', ...(await command(session, 'challenge', await request(session, [name])))),
    ),
  },
}

async function obtain(session: Session, { directory, names }: Wanted): Promise<string> {
  await using _web = await serveChallengeFiles(session.address, await session.folder('web'))
  const args = await command(session, directory, await request(session, names))
  const { output, stdout } = await session.run('acme-tiny', ...args)
  await session.write(`account-urls-${directory}`, session.accountUrlsIn(output).join('\n'))
  return stdout
}

/** acme-tiny stores nothing, but tells at each start which account it has been given. */
async function accounts(session: Session): Promise<string[]> {
  return (await session.read('account-urls-challenge')).split('\n')
}

async function request(session: Session, names: readonly string[]): Promise<string> {
  const file = session.path(`${names[0]}.csr`)
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', session.path(`${names[0]}.key`)]
  const subject = ['-subj', '/', '-addext', `subjectAltName=${names.map((name) => `DNS:${name}`).join()}`]
  await session.run('openssl', ['req', '-new', ...key, ...subject, '-out', file])
  return file
}

async function command(session: Session, directory: DirectoryName, csrFile: string) {
  const accountKey = session.path('account.key')
  if (!existsSync(accountKey)) await session.run('openssl', ['genrsa', '-traditional', '-out', accountKey, '2048'])
  const files = ['--account-key', accountKey, '--csr', csrFile, '--acme-dir', await session.folder('web')]
  const args = [
    '--directory-url',
    session.directory(directory),
    ...files,
    '--disable-check',
    '--contact',
    'mailto:tiny@example.com',
  ]
  return [args, { env: { SSL_CERT_FILE: session.server.tlsCaFile } }] as const
}
