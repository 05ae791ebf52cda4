import type { DirectoryName } from '../harness/acme-server.ts'
import { isRefused, issues, registers, renews, reusesAccount, type ClientSuite, type Wanted } from '../harness/cases.ts'
import type { Session } from '../harness/session.ts'

const standalone = (session: Session) => ['--standalone', '--http-01-address', session.address]

/** certbot: Python, the client that most people start with. */
export const certbot: ClientSuite = {
  name: 'certbot',
  programs: ['certbot'],
  cases: {
    register: registers('challenge', (session) => run(session, 'challenge', ['register']), accounts),
    trust: issues({ directory: 'trust', labels: ['trust'], obtain }),
    'http-01': issues({ directory: 'challenge', labels: ['http', 'www.http'], obtain }),
    'dns-01': issues({ directory: 'challenge', labels: ['dns'], obtain: obtainByDns }),
    wildcard: issues({ directory: 'challenge', labels: ['*.wild', 'wild'], obtain: obtainByDns }),
    renew: renews({
      directory: 'challenge',
      labels: ['http', 'www.http'],
      async obtain(session, { names }) {
        const name = lineageOf(names)
        await run(session, 'challenge', ['renew', '--cert-name', name, '--force-renewal', '--no-random-sleep-on-renew'])
        return session.read('config', 'live', name, 'fullchain.pem')
      },
    }),
    reuse: reusesAccount({ directory: 'challenge', labels: ['reuse'], obtain }, accounts),
    refusal: isRefused('challenge', async (session, name) => {
      const args = ['certonly', ...standalone(session), '-d', name]
      const output = await session.runFailing('certbot', ...command(session, 'challenge', args))
      // certbot 2.1 trips over its own exception under Python 3.11, and only its log has the server's words.
      return output + (await session.read('logs', 'letsencrypt.log'))
    }),
  },
}

function obtain(session: Session, wanted: Wanted): Promise<string> {
  return certonly(session, wanted, standalone(session))
}

async function obtainByDns(session: Session, wanted: Wanted): Promise<string> {
  const set = await session.script('set-txt', 'echo "$CERTBOT_VALIDATION" >> "$TXT/_acme-challenge.$CERTBOT_DOMAIN"')
  const clear = await session.script('clear-txt', 'rm -f "$TXT/_acme-challenge.$CERTBOT_DOMAIN"')
  const hooks = ['--manual-auth-hook', set, '--manual-cleanup-hook', clear]
  return certonly(session, wanted, ['--manual', '--preferred-challenges', 'dns', ...hooks])
}

// The last name is no wildcard.
function lineageOf(names: readonly string[]): string {
  return names.at(-1) ?? ''
}

async function certonly(session: Session, wanted: Wanted, plugin: readonly string[]): Promise<string> {
  const { directory, names } = wanted
  const lineage = lineageOf(names)
  const domains = names.flatMap((name) => ['-d', name])
  await run(session, directory, ['certonly', ...plugin, '--cert-name', lineage, ...domains])
  return session.read('config', 'live', lineage, 'fullchain.pem')
}

async function run(session: Session, directory: DirectoryName, args: readonly string[]): Promise<void> {
  await session.run('certbot', ...command(session, directory, args))
}

function command(session: Session, directory: DirectoryName, args: readonly string[]) {
  const folders = [
    '--config-dir',
    session.path('config'),
    '--work-dir',
    session.path('work'),
    '--logs-dir',
    session.path('logs'),
  ]
  const consent = ['--non-interactive', '--agree-tos', '--email', 'certbot@example.com', '--no-eff-email']
  const env = { REQUESTS_CA_BUNDLE: session.server.tlsCaFile }
  return [[...args, ...folders, ...consent, '--server', session.directory(directory)], { env }] as const
}

async function accounts(session: Session): Promise<string[]> {
  return session.accountUrls('config/accounts')
}
