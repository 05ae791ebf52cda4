import type { DirectoryName } from './acme-server.ts'
import { certificatesOf, verifyChain } from './openssl.ts'
import type { Session } from './session.ts'

/** The columns of the table, in the order in which a client goes through them. */
export const caseNames = [
  'register',
  'trust',
  'http-01',
  'dns-01',
  'tls-alpn-01',
  'wildcard',
  'renew',
  'reuse',
  'refusal',
] as const
export type CaseName = (typeof caseNames)[number]

/** Cases from here on run after the server has been restarted. */
export const firstCaseAfterRestart: CaseName = 'renew'

export interface Case {
  readonly directory: DirectoryName
  run(session: Session): Promise<void>
}

/** A client as the matrix sees it. What it can't do has no case. */
export interface ClientSuite {
  readonly name: string
  /** Programs it needs; without one of them the client is missing. */
  readonly programs: readonly string[]
  readonly cases: Readonly<Partial<Record<CaseName, Case>>>
}

/** What a client is to get: one certificate for these names, from this directory. */
export interface Wanted {
  readonly directory: DirectoryName
  readonly names: readonly [string, ...string[]]
}

/** How a client gets it; the answer is the chain as PEM, leaf first. */
export type Obtain = (session: Session, wanted: Wanted) => Promise<string>

interface Issuance {
  readonly directory: DirectoryName
  /** Labels below the client's domain; `*.w` makes a wildcard. */
  readonly labels: readonly [string, ...string[]]
  readonly obtain: Obtain
}

/** The client registers on its own, in whatever way `register` does; it must then know the URL of an account. */
export function registers(
  directory: DirectoryName,
  register: (session: Session) => Promise<void>,
  accounts: (session: Session) => Promise<readonly string[]>,
): Case {
  return {
    directory,
    async run(session) {
      await register(session)
      const urls = await accounts(session)
      if (urls.length !== 1) throw new Error(`expected one account URL, the client knows: ${urls.join(' ') || 'none'}`)
    },
  }
}

/** The client registers on its way to a certificate only, and afterwards knows the URL of an account. */
export function registersByObtaining(obtain: Obtain, accounts: (session: Session) => Promise<readonly string[]>): Case {
  const obtainOne = async (session: Session) => {
    await obtain(session, { directory: 'challenge', names: [session.name('register')] })
  }
  return registers('challenge', obtainOne, accounts)
}

/** The client obtains a certificate, which OpenSSL must accept. */
export function issues(issuance: Issuance): Case {
  return {
    directory: issuance.directory,
    async run(session) {
      await obtainVerified(session, issuance)
    },
  }
}

/** The client replaces a certificate, one that an earlier case obtained for the same names or the one of `first`, by another. */
export function renews(issuance: Issuance, first?: Obtain): Case {
  return {
    directory: issuance.directory,
    async run(session) {
      if (first !== undefined) await obtainVerified(session, { ...issuance, obtain: first })
      const name = session.name(issuance.labels[0])
      const before = serialOf(session.seat.issued.get(name))
      if (before === undefined) throw new Error(`there is no certificate for ${name} to renew`)
      const after = serialOf(await obtainVerified(session, issuance))
      if (after === before) throw new Error(`the certificate is still the one with serial number ${before}`)
    },
  }
}

/** The client obtains one more certificate and knows the same accounts before and after. */
export function reusesAccount(issuance: Issuance, accounts: (session: Session) => Promise<readonly string[]>): Case {
  return {
    directory: issuance.directory,
    async run(session) {
      const before = (await accounts(session)).toSorted()
      await obtainVerified(session, issuance)
      const after = (await accounts(session)).toSorted()
      if (before.length === 0) throw new Error('the client knows no account that it could use again')
      if (after.join() !== before.join())
        throw new Error(`accounts before: ${before.join(' ')}; after: ${after.join(' ')}`)
    },
  }
}

/** The client asks for a name outside the policy, fails, and shows the server's own words. */
export function isRefused(
  directory: DirectoryName,
  attempt: (session: Session, name: string) => Promise<string>,
): Case {
  return {
    directory,
    async run(session) {
      const { name, sentence } = session.server.refusal
      const said = plainWords(await attempt(session, name))
      if (!said.includes(sentence)) throw new Error(`the client doesn't say why it was refused; expected: ${sentence}`)
    },
  }
}

/** Serial number of the leaf. */
export function serialOf(chainPem: string | undefined): string | undefined {
  return chainPem === undefined ? undefined : certificatesOf(chainPem)[0]?.serialNumber
}

async function obtainVerified(session: Session, { directory, labels, obtain }: Issuance): Promise<string> {
  const [first, ...others] = labels
  const names = [session.name(first), ...others.map((label) => session.name(label))] as const
  const chainPem = await obtain(session, { directory, names })
  await verifyChain(chainPem, names, session.server.rootFile)
  session.seat.issued.set(names[0], chainPem)
  return chainPem
}

// Clients wrap long lines and quote JSON strings.
function plainWords(text: string): string {
  return text.replaceAll('\\', '').replace(/\s+/g, ' ')
}
