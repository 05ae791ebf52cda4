import type { DirectoryName } from '../harness/acme-server.ts'
import { certificatesOf } from '../harness/openssl.ts'
import {
  isRefused,
  issues,
  registers,
  renews,
  reusesAccount,
  serialOf,
  waitForServedChain,
  type ClientSuite,
} from '../harness/cases.ts'
import type { Session } from '../harness/session.ts'

type Challenge = 'http-01' | 'tls-alpn-01'

/** Caddy: a web server that gets certificates on its own; what it serves is what is looked at. */
export const caddy: ClientSuite = {
  name: 'caddy',
  programs: ['caddy'],
  cases: {
    register: registers(
      'challenge',
      async (session) => void (await serve({ session, names: [session.name('register')] })),
      accounts,
    ),
    trust: issues({
      directory: 'trust',
      labels: ['trust'],
      obtain: (session, names) => serve({ session, names, directory: 'trust' }),
    }),
    'http-01': issues({
      directory: 'challenge',
      labels: ['http'],
      obtain: (session, names) => serve({ session, names }),
    }),
    'tls-alpn-01': issues({
      directory: 'challenge',
      labels: ['alpn'],
      obtain: (session, names) => serve({ session, names, challenge: 'tls-alpn-01' }),
    }),
    // Caddy renews when a third of the lifetime is left, so this case needs certificates that get there soon.
    renew: renews(
      {
        directory: 'short',
        labels: ['short'],
        obtain(session, names) {
          const before = serialOf(session.seat.issued.get(names[0] ?? ''))
          return serve({ session, names, directory: 'short', wanted: (chain) => serialOf(chain) !== before })
        },
      },
      (session, names) => serve({ session, names, directory: 'short' }),
    ),
    reuse: reusesAccount(
      { directory: 'challenge', labels: ['reuse'], obtain: (session, names) => serve({ session, names }) },
      accounts,
    ),
    refusal: isRefused('challenge', async (session, name) => {
      await using service = session.start('caddy', await command(session, { names: [name] }), env(session))
      const refusal = () => service.lines.find((line) => line.includes('rejectedIdentifier'))
      return await service.until('it was refused', refusal, session.signal)
    }),
  },
}

interface Site {
  readonly names: readonly string[]
  readonly directory?: DirectoryName
  readonly challenge?: Challenge
}

/** Runs Caddy for a site until it serves a chain from the server under test that is `wanted`. */
async function serve(
  spec: Site & { readonly session: Session; readonly wanted?: (chainPem: string) => boolean },
): Promise<string> {
  const { session, names, wanted = () => true } = spec
  await using _caddy = session.start('caddy', await command(session, spec), env(session))
  return await waitForServedChain(session, names[0] ?? '', (chain) => certificatesOf(chain).length > 0 && wanted(chain))
}

async function command(session: Session, site: Site): Promise<string[]> {
  const { names, directory = 'challenge', challenge = 'http-01' } = site
  const other = challenge === 'http-01' ? 'disable_tlsalpn_challenge' : 'disable_http_challenge'
  const file = await session.write(
    `${names[0]}.caddyfile`,
    `{
      admin off
      skip_install_trust
      default_bind ${session.address}
      email caddy@example.com
      storage file_system ${session.path('storage', directory)}
      renew_interval 1s
    }
    ${names.join(', ')} {
      tls {
        issuer acme {
          dir ${session.directory(directory)}
          trusted_roots ${session.server.tlsCaFile}
          ${other}
        }
      }
      respond ok
    }
`,
  )
  return ['run', '--adapter', 'caddyfile', '--config', file]
}

function env(session: Session) {
  return { env: { XDG_DATA_HOME: session.path('data'), XDG_CONFIG_HOME: session.path('config') } }
}

function accounts(session: Session): Promise<string[]> {
  return session.accountUrls('storage/challenge')
}
