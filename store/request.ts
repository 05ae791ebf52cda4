import { type RawBuilder, sql } from 'kysely'
import type { Db } from './database.ts'
import type { AccountId, AccountStatus } from './schema.ts'
import {
  type AuthorizationJson,
  type CertificateJson,
  type ChallengeJson,
  type OrderJson,
  type OwnedObject,
  readAuthorization,
  readCertificate,
  readChallenge,
  readOrder,
  selectAuthorization,
  selectCertificate,
  selectChallenge,
  selectOrder,
} from './view-queries.ts'
import { statement, type ValueOf } from './statement.ts'
import type { AuthorizationView, CertificateView, ChallengeView, OrderView } from './views.ts'

interface TargetViews {
  order: OrderView
  authorization: AuthorizationView
  challenge: ChallengeView
  certificate: CertificateView
}

interface TargetJson {
  order: OrderJson
  authorization: AuthorizationJson
  challenge: ChallengeJson
  certificate: CertificateJson
}

/** The kinds of resource that the URL of a signed request may name. */
export type TargetKind = keyof TargetViews

export type TargetView<Kind extends TargetKind> = TargetViews[Kind]

export interface NonceToSpend<Kind extends TargetKind> {
  nonce: Uint8Array
  issuedAt: Date
  epoch: Uint8Array
  ttlSeconds: number
  accountId?: AccountId
  /** Read only where it belongs to `accountId`. */
  target?: { kind: Kind; id: string }
}

export interface SpentNonce<Kind extends TargetKind> {
  outcome: 'spent' | 'replayed-or-expired' | 'unknown-epoch'
  /** The database's time, by which leases and expiries are judged. */
  now: Date
  account?: AuthenticatedAccountRow
  /** Absent also where the nonce was not spent: nobody may look at anything with a nonce that is no good. */
  target?: TargetView<Kind>
}

export interface AuthenticatedAccountRow {
  status: AccountStatus
  keyVersion: number
  contacts: string[]
  termsAgreedAt: Date | null
  createdAt: Date
}

/** A nonce may come from a replica whose clock is this far ahead of the database's. */
const CLOCK_SLACK_SECONDS = 60

/**
 * Spends a nonce, exactly once over all replicas, and reads what the rest of the request needs: the one statement of
 * every signed request, which commits by itself. The nonce counts if its epoch is the current one and it is no older
 * than `ttlSeconds` by the database's clock. The epoch's row is lost whenever the nonces spent under it are, so there
 * is no moment in which a nonce can be spent again.
 */
export async function spendNonce<Kind extends TargetKind = never>(
  db: Db,
  request: NonceToSpend<Kind>,
): Promise<SpentNonce<Kind>> {
  const { accountId, target } = request
  const reader = target && targetReaders[target.kind]
  const spend = accountId === undefined ? spendForNobody : (reader?.spend ?? spendForAccount)
  const rows = await spend(db, { ...request, accountId, targetId: target?.id })
  const row = rows[0]
  if (row === undefined) throw new TypeError('a statement that always returns one row returned none')
  return {
    outcome: outcomeOf(row),
    now: row.now,
    ...(row.account !== null && { account: readAccount(row.account) }),
    ...(row.target !== null && reader !== undefined && { target: reader.read(row.target as TargetJson[Kind]) }),
  }
}

interface SpentNonceRow {
  now: Date
  spent: boolean
  epoch_known: boolean
  account: AccountJson | null
  /** Of the kind that was asked for. */
  target: TargetJson[TargetKind] | null
}

interface SpendingValues {
  nonce: Uint8Array
  issuedAt: Date
  epoch: Uint8Array
  ttlSeconds: number
  accountId: AccountId | undefined
  targetId: string | undefined
}

type Spending = (db: Db, values: SpendingValues) => Promise<SpentNonceRow[]>

/** The statement for requests that read these two, each a scalar query or null. */
function spending(
  select: (value: ValueOf<SpendingValues>) => { account: RawBuilder<unknown>; target: RawBuilder<unknown> },
): Spending {
  return statement<SpendingValues, SpentNonceRow>((value) => {
    const { account, target } = select(value)
    return sql<SpentNonceRow>`
    with clock as materialized (select certctl_now() as now),
    spent as (
      insert into used_nonces (nonce, expires_at)
      select ${value('nonce')}::bytea, issued.at + issued.ttl
        from nonce_epoch, clock,
          (select ${value('issuedAt')}::timestamptz as at, make_interval(secs => ${value('ttlSeconds')}) as ttl) issued
        where epoch = ${value('epoch')} and issued.at > clock.now - issued.ttl
          and issued.at <= clock.now + make_interval(secs => ${sql.lit(CLOCK_SLACK_SECONDS)})
      on conflict do nothing
      returning true
    )
    select clock.now, exists (select from spent) as spent,
      exists (select from nonce_epoch where epoch = ${value('epoch')}) as epoch_known,
      ${account} as account,
      case when exists (select from spent) then ${target} end as target
    from clock`
  })
}

interface AccountJson {
  status: AccountStatus
  key_version: number
  contacts: string[]
  terms_agreed_at: string | null
  created_at: string
}

const nothing = sql`null`

const selectAccount = (value: ValueOf<SpendingValues>): RawBuilder<unknown> =>
  sql`(select json_build_object('status', status, 'key_version', key_version, 'contacts', contacts,
    'terms_agreed_at', terms_agreed_at, 'created_at', created_at) from accounts where id = ${value('accountId')})`

const spendForNobody = spending(() => ({ account: nothing, target: nothing }))
const spendForAccount = spending((value) => ({ account: selectAccount(value), target: nothing }))

interface TargetReader<Kind extends TargetKind> {
  spend: Spending
  read(json: TargetJson[Kind]): TargetViews[Kind]
}

function targetReader<Kind extends TargetKind>(
  select: (owned: OwnedObject) => RawBuilder<{ view: TargetJson[Kind] }>,
  read: (json: TargetJson[Kind]) => TargetViews[Kind],
): TargetReader<Kind> {
  const spend = spending((value) => ({
    account: selectAccount(value),
    target: sql`(${select({ id: value('targetId'), accountId: value('accountId') })})`,
  }))
  return { spend, read }
}

const targetReaders: { readonly [Kind in TargetKind]: TargetReader<Kind> } = {
  order: targetReader(selectOrder, readOrder),
  authorization: targetReader(selectAuthorization, readAuthorization),
  challenge: targetReader(selectChallenge, readChallenge),
  certificate: targetReader(selectCertificate, readCertificate),
}

function readAccount(json: AccountJson): AuthenticatedAccountRow {
  return {
    status: json.status,
    keyVersion: json.key_version,
    contacts: json.contacts,
    termsAgreedAt: json.terms_agreed_at === null ? null : new Date(json.terms_agreed_at),
    createdAt: new Date(json.created_at),
  }
}

function outcomeOf(row: { spent: boolean; epoch_known: boolean }): SpentNonce<never>['outcome'] {
  if (row.spent) return 'spent'
  return row.epoch_known ? 'replayed-or-expired' : 'unknown-epoch'
}
