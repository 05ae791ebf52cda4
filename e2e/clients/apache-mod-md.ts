import { readFile } from 'node:fs/promises'
import {
  isRefused,
  issues,
  registersByObtaining,
  renews,
  reusesAccount,
  serialOf,
  type ClientSuite,
  type Obtain,
  type Wanted,
} from '../harness/cases.ts'
import type { Service } from '../harness/processes.ts'
import type { Session } from '../harness/session.ts'

/** mod_md's own default. */
const renewWindow = '33%'

/** Apache's mod_md: the web server gets certificates on its own and serves them after a graceful restart. */
export const apacheModMd: ClientSuite = {
  name: 'apache-mod-md',
  programs: ['apache2'],
  cases: {
    register: registersByObtaining(obtainBy('http-01'), accounts),
    trust: issues({ directory: 'trust', labels: ['trust'], obtain: obtainBy('http-01') }),
    'http-01': issues({ directory: 'challenge', labels: ['http', 'www.http'], obtain: obtainBy('http-01') }),
    'dns-01': issues({ directory: 'challenge', labels: ['dns'], obtain: obtainBy('dns-01') }),
    'tls-alpn-01': issues({ directory: 'challenge', labels: ['alpn'], obtain: obtainBy('tls-alpn-01') }),
    wildcard: issues({ directory: 'challenge', labels: ['wild', '*.wild'], obtain: obtainBy('dns-01') }),
    // A window longer than any lifetime: the certificate is due as soon as Apache looks at it.
    renew: renews({ directory: 'challenge', labels: ['http', 'www.http'], obtain: obtainBy('http-01', '3650d') }),
    reuse: reusesAccount({ directory: 'challenge', labels: ['reuse'], obtain: obtainBy('http-01') }, accounts),
    refusal: isRefused('challenge', async (session, name) => {
      const site = { directory: 'challenge', names: [name], challenge: 'http-01', renewWindow } as const
      await using apache = await start(session, site)
      return await apache.until('it was refused', () => lineOfLog(session, 'rejectedIdentifier'), session.signal)
    }),
  },
}

interface Site extends Wanted {
  readonly challenge: 'http-01' | 'dns-01' | 'tls-alpn-01'
  readonly renewWindow: string
}

function obtainBy(challenge: Site['challenge'], window = renewWindow): Obtain {
  return async (session, wanted) => {
    const [name] = wanted.names
    const previous = serialOf(session.seat.issued.get(name))
    await using apache = await start(session, { ...wanted, challenge, renewWindow: window })
    await apache.until('a certificate was staged', () => stagedCertificate(session, wanted), session.signal)
    apache.signal('SIGUSR1')
    return await session.chainServedBy(apache, name, (chain) => isFromAcme(chain) && serialOf(chain) !== previous)
  }
}

// Until it has a certificate, mod_md serves one it has signed itself.
function isFromAcme(chainPem: string): boolean {
  return !chainPem.includes('Apache Managed Domain Fallback')
}

async function stagedCertificate(session: Session, { directory, names }: Wanted): Promise<true | undefined> {
  const file = session.path(`store-${directory}`, 'staging', names[0], 'job.json')
  const job = await readFile(file, 'utf8').catch(() => '')
  return /"finished":\s*true/.test(job) ? true : undefined
}

async function lineOfLog(session: Session, word: string): Promise<string | undefined> {
  const log = await readFile(session.path('error.log'), 'utf8').catch(() => '')
  return log.split('\n').find((line) => line.includes(word))
}

async function start(session: Session, site: Site): Promise<Service> {
  session.alsoReport(session.path('error.log'))
  const file = await session.write(`${site.names[0]}.conf`, await configuration(session, site))
  return session.start('apache2', ['-D', 'FOREGROUND', '-f', file])
}

async function configuration(session: Session, site: Site): Promise<string> {
  const [name, ...aliases] = site.names
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
MDStoreDir ${session.path(`store-${site.directory}`)}
MDCertificateAuthority ${session.directory(site.directory)}
MDCACertificateFile ${session.server.tlsCaFile}
MDCertificateAgreement accepted
MDContactEmail apache@example.com
MDCAChallenges ${site.challenge}
MDChallengeDns01 ${setTxt}
MDRenewWindow ${site.renewWindow}
MDomain ${site.names.join(' ')}
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
