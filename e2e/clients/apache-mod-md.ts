import { readFile } from 'node:fs/promises'
import type { DirectoryName } from '../harness/acme-server.ts'
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
import type { Service } from '../harness/processes.ts'
import type { Session } from '../harness/session.ts'

/** Apache's mod_md: the web server gets certificates on its own and serves them after a graceful restart. */
export const apacheModMd: ClientSuite = {
  name: 'apache-mod-md',
  programs: ['apache2'],
  cases: {
    register: registers(
      'challenge',
      async (session) => void (await serve(session, { names: [session.name('register')] })),
      accounts,
    ),
    trust: issues({
      directory: 'trust',
      labels: ['trust'],
      obtain: (session, names) => serve(session, { names, directory: 'trust' }),
    }),
    'http-01': issues({
      directory: 'challenge',
      labels: ['http', 'www.http'],
      obtain: (session, names) => serve(session, { names }),
    }),
    'dns-01': issues({
      directory: 'challenge',
      labels: ['dns'],
      obtain: (session, names) => serve(session, { names, challenge: 'dns-01' }),
    }),
    'tls-alpn-01': issues({
      directory: 'challenge',
      labels: ['alpn'],
      obtain: (session, names) => serve(session, { names, challenge: 'tls-alpn-01' }),
    }),
    wildcard: issues({
      directory: 'challenge',
      labels: ['wild', '*.wild'],
      obtain: (session, names) => serve(session, { names, challenge: 'dns-01' }),
    }),
    renew: renews({
      directory: 'challenge',
      labels: ['http', 'www.http'],
      // A window longer than any lifetime: the certificate is due as soon as Apache looks at it.
      obtain: (session, names) => serve(session, { names, renewWindow: '3650d' }),
    }),
    reuse: reusesAccount(
      { directory: 'challenge', labels: ['reuse'], obtain: (session, names) => serve(session, { names }) },
      accounts,
    ),
    refusal: isRefused('challenge', async (session, name) => {
      await using apache = await start(session, { names: [name] })
      return await apache.until('it was refused', () => lineOfLog(session, 'rejectedIdentifier'), session.signal)
    }),
  },
}

interface Site {
  /** The first is the managed domain's name. */
  readonly names: readonly string[]
  readonly directory?: DirectoryName
  readonly challenge?: 'http-01' | 'dns-01' | 'tls-alpn-01'
  readonly renewWindow?: string
}

async function serve(session: Session, site: Site): Promise<string> {
  const name = site.names[0] ?? ''
  const previous = serialOf(session.seat.issued.get(name))
  await using apache = await start(session, site)
  await apache.until('a certificate was staged', () => stagedCertificate(session, name, site), session.signal)
  apache.signal('SIGUSR1')
  return await waitForServedChain(session, name, (chain) => isFromAcme(chain) && serialOf(chain) !== previous)
}

// Until it has a certificate, mod_md serves one it has signed itself.
function isFromAcme(chainPem: string): boolean {
  return !chainPem.includes('Apache Managed Domain Fallback')
}

async function stagedCertificate(session: Session, name: string, site: Site): Promise<true | undefined> {
  const job = await readFile(session.path(storeOf(site), 'staging', name, 'job.json'), 'utf8').catch(() => '')
  return /"finished":\s*true/.test(job) ? true : undefined
}

const storeOf = ({ directory = 'challenge' }: Site) => `store-${directory}`

async function lineOfLog(session: Session, word: string): Promise<string | undefined> {
  const log = await readFile(session.path('error.log'), 'utf8').catch(() => '')
  return log.split('\n').find((line) => line.includes(word))
}

async function start(session: Session, site: Site): Promise<Service> {
  const file = await session.write(`${site.names[0]}.conf`, await configuration(session, site))
  return session.start('apache2', ['-D', 'FOREGROUND', '-f', file])
}

async function configuration(session: Session, site: Site): Promise<string> {
  const { names, directory = 'challenge', challenge = 'http-01', renewWindow = '33%' } = site
  const [name = '', ...aliases] = names
  const setTxt = await session.script(
    'dns-hook',
    `
    action=$1 name=\${2#'*.'}
    case $action in
      setup) echo "$3" >> "$TXT/_acme-challenge.$name" ;;
      teardown) rm -f "$TXT/_acme-challenge.$name" ;;
    esac`,
  )
  const serverNames = [`ServerName ${name}`, ...aliases.map((alias) => `ServerAlias ${alias}`)].join('\n')
  return `
ServerRoot ${await session.folder('.')}
DefaultRuntimeDir ${await session.folder('run')}
PidFile ${session.path('apache.pid')}
ErrorLog ${session.path('error.log')}
LogLevel warn md:debug
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule md_module /usr/lib/apache2/modules/mod_md.so
User www-data
Group www-data
ServerName localhost
Listen ${session.address}:80
Listen ${session.address}:443 https
Protocols http/1.1 acme-tls/1
MDStoreDir ${session.path(storeOf(site))}
MDCertificateAuthority ${session.directory(directory)}
MDCACertificateFile ${session.server.tlsCaFile}
MDCertificateAgreement accepted
MDContactEmail apache@example.com
MDCAChallenges ${challenge}
MDChallengeDns01 ${setTxt}
MDRenewWindow ${renewWindow}
MDomain ${names.join(' ')}
<VirtualHost ${session.address}:80>
${serverNames}
</VirtualHost>
<VirtualHost ${session.address}:443>
${serverNames}
SSLEngine on
</VirtualHost>
`
}

function accounts(session: Session): Promise<string[]> {
  return session.accountUrls('store-challenge/accounts')
}
