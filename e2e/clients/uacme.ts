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
import { serveChallengeFiles } from '../harness/responders.ts'
import type { Session } from '../harness/session.ts'

/** uacme and ualpn: C, for small systems. It trusts the system's CAs only and keeps no account URL, just the key. */
export const uacme: ClientSuite = {
  name: 'uacme',
  programs: ['uacme', 'ualpn'],
  cases: {
    register: registers('challenge', newAccount, accounts),
    trust: issues({
      directory: 'trust',
      labels: ['trust'],
      async obtain(session, wanted) {
        await uacmeRun(session, 'trust', ['-y', 'new'])
        return issueBy('http-01')(session, wanted)
      },
    }),
    'http-01': issues({ directory: 'challenge', labels: ['http', 'www.http'], obtain: issueByFiles }),
    'dns-01': issues({ directory: 'challenge', labels: ['dns'], obtain: issueBy('dns-01') }),
    'tls-alpn-01': issues({ directory: 'challenge', labels: ['alpn'], obtain: issueByUalpn }),
    wildcard: issues({ directory: 'challenge', labels: ['*.wild', 'wild'], obtain: issueBy('dns-01') }),
    renew: renews({
      directory: 'challenge',
      labels: ['http', 'www.http'],
      obtain: (session, wanted) => issueByFiles(session, wanted, ['-d', '9999']),
    }),
    reuse: reusesAccount({ directory: 'challenge', labels: ['reuse'], obtain: issueByFiles }, accounts),
    refusal: isRefused('challenge', (session, name) =>
      session.runFailing('uacme', [...globals(session, 'challenge'), 'issue', name]),
    ),
  },
}

async function newAccount(session: Session): Promise<void> {
  await uacmeRun(session, 'challenge', ['-y', '-t', 'EC', 'new', 'uacme@example.com'])
}

async function issueByFiles(session: Session, wanted: Wanted, options: readonly string[] = []): Promise<string> {
  await using _web = await serveChallengeFiles(session.address, await session.folder('web'))
  return await issueBy('http-01', options)(session, wanted)
}

async function issueByUalpn(session: Session, wanted: Wanted): Promise<string> {
  const socket = session.path('ualpn.sock')
  const listen = ['-4', '-b', `${session.address}@443`, '-c', `${session.address}@8443`, '-s', socket]
  await using _ualpn = session.start('ualpn', [...listen, '-p', session.path('ualpn.pid'), '-vv'])
  await session.fileExists(socket)
  return await issueBy('tls-alpn-01')(session, wanted)
}

function issueBy(type: string, options: readonly string[] = []): Obtain {
  return async (session, { directory, names }) => {
    const hook = await writeHook(session, type)
    await uacmeRun(session, directory, ['-h', hook, '-t', 'EC', ...options, 'issue', ...names])
    return session.read(directory, names[0].replace('*.', ''), 'cert.pem')
  }
}

// The hook declines every type but the wanted one; dns-01 and tls-alpn-01 get the digest that is to be shown.
function writeHook(session: Session, wanted: string): Promise<string> {
  return session.script(
    `hook-${wanted}`,
    `
    method=$1 type=$2 name=$3 token=$4 auth=$5
    [ "$type" = ${wanted} ] || exit 1
    case $method-$type in
      begin-http-01) printf %s "$auth" > "${session.path('web')}/$token" ;;
      *-http-01) rm -f "${session.path('web')}/$token" ;;
      begin-dns-01) echo "$auth" >> "$TXT/_acme-challenge.$name" ;;
      *-dns-01) rm -f "$TXT/_acme-challenge.$name" ;;
      begin-tls-alpn-01) [ "$(echo "auth $name $auth" | ualpn -s ${session.path('ualpn.sock')})" = OK ] ;;
      *-tls-alpn-01) echo "unauth $name" | ualpn -s ${session.path('ualpn.sock')} ;;
    esac`,
  )
}

async function uacmeRun(session: Session, directory: DirectoryName, args: readonly string[]): Promise<string> {
  return (await session.run('uacme', [...globals(session, directory), ...args])).output
}

function globals(session: Session, directory: DirectoryName): string[] {
  return ['-v', '-c', session.path(directory), '-a', session.directory(directory)]
}

/** It keeps no account URL, but looks it up by the key before any other command, and says what it found. */
async function accounts(session: Session): Promise<string[]> {
  const output = await uacmeRun(session, 'challenge', ['-y', 'update', 'uacme@example.com'])
  return session.accountUrlsIn(output)
}
