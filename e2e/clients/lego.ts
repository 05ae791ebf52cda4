import {
  isRefused,
  issues,
  registersByObtaining,
  renews,
  reusesAccount,
  type ClientSuite,
  type Obtain,
  type Wanted,
} from '../harness/cases.ts'
import type { Session } from '../harness/session.ts'

/** lego: Go, also the engine of Traefik. It keeps the nonces of earlier answers. */
export const lego: ClientSuite = {
  name: 'lego',
  programs: ['lego'],
  cases: {
    register: registersByObtaining(obtainBy(httpChallenge), accounts),
    trust: issues({ directory: 'trust', labels: ['trust'], obtain: obtainBy(httpChallenge) }),
    'http-01': issues({ directory: 'challenge', labels: ['http', 'www.http'], obtain: obtainBy(httpChallenge) }),
    'dns-01': issues({ directory: 'challenge', labels: ['dns'], obtain: obtainBy(dnsChallenge) }),
    'tls-alpn-01': issues({ directory: 'challenge', labels: ['alpn'], obtain: obtainBy(tlsChallenge) }),
    wildcard: issues({ directory: 'challenge', labels: ['*.wild', 'wild'], obtain: obtainBy(dnsChallenge) }),
    renew: renews({
      directory: 'challenge',
      labels: ['http', 'www.http'],
      obtain: obtainBy(httpChallenge, ['renew', '--days', '9999', '--no-random-sleep']),
    }),
    reuse: reusesAccount({ directory: 'challenge', labels: ['reuse'], obtain: obtainBy(httpChallenge) }, accounts),
    refusal: isRefused('challenge', (session, name) => {
      const args = [...globals(session, { directory: 'challenge', names: [name] }), ...httpChallenge(session), 'run']
      return session.runFailing('lego', args, env(session))
    }),
  },
}

type Challenge = (session: Session) => readonly string[] | Promise<readonly string[]>

function httpChallenge(session: Session): string[] {
  return ['--http', '--http.port', `${session.address}:80`]
}

function tlsChallenge(session: Session): string[] {
  return ['--tls', '--tls.port', `${session.address}:443`]
}

async function dnsChallenge(session: Session): Promise<readonly string[]> {
  await session.script(
    'dns-hook',
    `
    action=$1 owner=\${2%.} value=$3
    case $action in
      present) echo "$value" >> "$TXT/$owner" ;;
      cleanup) rm -f "$TXT/$owner" ;;
    esac`,
  )
  return ['--dns', 'exec', '--dns.disable-cp']
}

function obtainBy(challenge: Challenge, verb: readonly string[] = ['run']): Obtain {
  return async (session, wanted) => {
    const args = [...globals(session, wanted), ...(await challenge(session)), ...verb]
    await session.run('lego', args, env(session))
    return session.read(wanted.directory, 'certificates', `${wanted.names[0].replace('*', '_')}.crt`)
  }
}

function globals(session: Session, { directory, names }: Wanted): string[] {
  const domains = names.flatMap((name) => ['--domains', name])
  const place = ['--path', session.path(directory), '--server', session.directory(directory)]
  return [...place, '--accept-tos', '--email', 'lego@example.com', ...domains]
}

function env(session: Session) {
  const exec = { EXEC_PATH: session.path('dns-hook'), EXEC_SEQUENCE_INTERVAL: '1', EXEC_POLLING_INTERVAL: '1' }
  return { env: { LEGO_CA_CERTIFICATES: session.server.tlsCaFile, ...exec } }
}

function accounts(session: Session): Promise<string[]> {
  return session.accountUrls('challenge/accounts')
}
