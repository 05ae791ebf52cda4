import type { DirectoryName } from '../harness/acme-server.ts'
import {
  isRefused,
  issues,
  registers,
  renews,
  reusesAccount,
  type ClientSuite,
  type Obtain,
  type Wanted,
} from '../harness/cases.ts'
import { serveAlpnCertificates, serveChallengeFiles } from '../harness/responders.ts'
import type { Session } from '../harness/session.ts'

/** dehydrated: bash, curl and openssl. It never repeats a request that was refused for its nonce. */
export const dehydrated: ClientSuite = {
  name: 'dehydrated',
  programs: ['dehydrated', 'curl'],
  cases: {
    register: registers(
      'challenge',
      (session) => run(session, 'challenge', ['--register', '--accept-terms']),
      accounts,
    ),
    trust: issues({
      directory: 'trust',
      labels: ['trust'],
      async obtain(session, wanted) {
        await run(session, 'trust', ['--register', '--accept-terms'])
        return obtainBy('http-01')(session, wanted)
      },
    }),
    'http-01': issues({ directory: 'challenge', labels: ['http', 'www.http'], obtain: obtainByFiles }),
    'dns-01': issues({ directory: 'challenge', labels: ['dns'], obtain: obtainBy('dns-01') }),
    'tls-alpn-01': issues({ directory: 'challenge', labels: ['alpn'], obtain: obtainByAlpn }),
    wildcard: issues({ directory: 'challenge', labels: ['*.wild', 'wild'], obtain: obtainBy('dns-01') }),
    renew: renews({
      directory: 'challenge',
      labels: ['http', 'www.http'],
      obtain: (session, wanted) => obtainByFiles(session, wanted, ['--force']),
    }),
    reuse: reusesAccount({ directory: 'challenge', labels: ['reuse'], obtain: obtainByFiles }, accounts),
    refusal: isRefused('challenge', async (session, name) =>
      session.runFailing('dehydrated', ['--config', await config(session, 'challenge'), '--cron', '--domain', name]),
    ),
  },
}

async function obtainByFiles(session: Session, wanted: Wanted, options: readonly string[] = []): Promise<string> {
  await using _web = await serveChallengeFiles(session.address, await session.folder('web'))
  return await obtainBy('http-01', options)(session, wanted)
}

async function obtainByAlpn(session: Session, wanted: Wanted): Promise<string> {
  const folder = await session.folder('alpn')
  await using _tls = await serveAlpnCertificates(session.address, (name) => ({
    certificateFile: `${folder}/${name}.crt.pem`,
    keyFile: `${folder}/${name}.key.pem`,
  }))
  return await obtainBy('tls-alpn-01')(session, wanted)
}

function obtainBy(type: string, options: readonly string[] = []): Obtain {
  return async (session, { directory, names }) => {
    const alias = names.at(-1) ?? ''
    const domains = ['--domain', names.join(' '), '--alias', alias]
    await run(session, directory, ['--cron', ...domains, '--challenge', type, ...options])
    return session.read(directory, 'certs', alias, 'fullchain.pem')
  }
}

async function run(session: Session, directory: DirectoryName, args: readonly string[]): Promise<void> {
  await session.run('dehydrated', ['--config', await config(session, directory), ...args])
}

async function config(session: Session, directory: DirectoryName): Promise<string> {
  const hook = await session.script(
    'hook',
    `
    [ $# -ge 4 ] || exit 0
    operation=$1 name=$2 value=$4
    case $operation in
      deploy_challenge) echo "$value" >> "$TXT/_acme-challenge.$name" ;;
      clean_challenge) rm -f "$TXT/_acme-challenge.$name" ;;
    esac`,
  )
  return session.write(
    `${directory}.conf`,
    [
      `CA="${session.directory(directory)}"`,
      `BASEDIR="${await session.folder(directory)}"`,
      `WELLKNOWN="${await session.folder('web')}"`,
      `ALPNCERTDIR="${await session.folder('alpn')}"`,
      `CURL_OPTS="--cacert ${session.server.tlsCaFile}"`,
      `HOOK="${hook}"`,
      'CONTACT_EMAIL="dehydrated@example.com"',
      // Smaller than its default of 4096, which takes a small machine seconds to find.
      'KEY_ALGO=rsa',
      'KEYSIZE=2048',
    ].join('\n'),
  )
}

function accounts(session: Session): Promise<string[]> {
  return session.accountUrls('challenge/accounts')
}
