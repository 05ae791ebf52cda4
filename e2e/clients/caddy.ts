import {
  isRefused,
  issues,
  registersByObtaining,
  renews,
  reusesAccount,
  serialOf,
  type ClientSuite,
  type Wanted,
} from '../harness/cases.ts'
import type { Session } from '../harness/session.ts'

/** Caddy: a web server that gets certificates on its own; what it serves is what is looked at. */
export const caddy: ClientSuite = {
  name: 'caddy',
  programs: ['caddy'],
  cases: {
    register: registersByObtaining(obtain, accounts),
    trust: issues({ directory: 'trust', labels: ['trust'], obtain }),
    'http-01': issues({ directory: 'challenge', labels: ['http'], obtain }),
    'tls-alpn-01': issues({
      directory: 'challenge',
      labels: ['alpn'],
      obtain: (session, wanted) => serve(session, { ...wanted, challenge: 'tls-alpn-01' }),
    }),
    // Caddy renews when a third of the lifetime is left, so this case needs certificates that get there soon.
    renew: renews({ directory: 'short', labels: ['short'], obtain: obtainAnother }, obtain),
    reuse: reusesAccount({ directory: 'challenge', labels: ['reuse'], obtain }, accounts),
    refusal: isRefused('challenge', async (session, name) => {
      const site = { directory: 'challenge', names: [name] } as const
      await using service = session.start('caddy', await command(session, site), env(session))
      const refusal = () => service.lines.find((line) => line.includes('rejectedIdentifier'))
      return await service.until('it was refused', refusal, session.signal)
    }),
  },
}

interface Site extends Wanted {
  readonly challenge?: 'http-01' | 'tls-alpn-01'
}

function obtain(session: Session, wanted: Wanted): Promise<string> {
  return serve(session, wanted)
}

function obtainAnother(session: Session, wanted: Wanted): Promise<string> {
  const before = serialOf(session.seat.issued.get(wanted.names[0]))
  return serve(session, wanted, (chain) => serialOf(chain) !== before)
}

/** Runs Caddy for a site until it serves an acceptable chain. */
async function serve(session: Session, site: Site, accepts = (_chainPem: string) => true): Promise<string> {
  await using caddyService = session.start('caddy', await command(session, site), env(session))
  return await session.chainServedBy(caddyService, site.names[0], accepts)
}

async function command(session: Session, site: Site): Promise<string[]> {
  const { names, directory, challenge = 'http-01' } = site
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
