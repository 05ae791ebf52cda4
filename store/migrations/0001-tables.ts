/** Facts, their keys and what the janitor needs to find what has expired. */
export const statements: readonly string[] = [
  // Leases, nonces and rate limits live by this clock, which tests replace by another one. Statements that compare many
  // rows with it read it once, as (select certctl_now()), or no index would be used.
  `create function certctl_now() returns timestamptz language sql volatile as $$ select clock_timestamp() $$`,

  // Issuers and profiles
  `create table issuers (
    id uuid primary key default gen_random_uuid(),
    namespace text not null,
    name text not null,
    uid text not null,
    type text not null,
    spec_hash text not null,
    generation bigint not null,
    retired_at timestamptz
  )`,
  `create unique index issuers_uid_key on issuers (uid)`,
  `create unique index issuers_name_key on issuers (namespace, name) where retired_at is null`,
  `create table issuer_certificates (
    id uuid primary key default gen_random_uuid(),
    issuer_id uuid not null references issuers,
    generation integer not null,
    certificate_der bytea not null,
    chain_pem text not null,
    root_pem text not null,
    subject_key_id bytea not null,
    serial_number bytea not null,
    not_before timestamptz not null,
    not_after timestamptz not null,
    created_at timestamptz not null default certctl_now(),
    retired_at timestamptz,
    constraint issuer_certificates_generation_key unique (issuer_id, generation),
    constraint issuer_certificates_validity_check check (not_before < not_after)
  )`,
  `create table profiles (
    id uuid primary key default gen_random_uuid(),
    profile_id text not null,
    namespace text not null,
    name text not null,
    uid text not null,
    issuer_id uuid not null references issuers,
    current_revision_id uuid,
    generation bigint not null,
    retired_at timestamptz
  )`,
  `create unique index profiles_uid_key on profiles (uid)`,
  `create unique index profiles_profile_id_key on profiles (profile_id) where retired_at is null`,
  `create table profile_revisions (
    id uuid primary key default gen_random_uuid(),
    profile_uuid uuid not null references profiles,
    revision integer not null,
    policy jsonb not null,
    policy_hash text not null,
    created_at timestamptz not null default certctl_now(),
    constraint profile_revisions_revision_key unique (profile_uuid, revision),
    constraint profile_revisions_policy_key unique (profile_uuid, policy_hash)
  )`,
  `alter table profiles add constraint profiles_current_revision_id_fkey
    foreign key (current_revision_id) references profile_revisions`,

  // Accounts, orders, authorizations, challenges
  `create table accounts (
    id text primary key,
    directory text not null,
    jwk jsonb not null,
    jwk_thumbprint text not null,
    key_version integer not null default 1,
    status text not null default 'valid',
    contacts text[] not null,
    terms_agreed_at timestamptz,
    created_at timestamptz not null default certctl_now(),
    created_from inet,
    constraint accounts_key_key unique (directory, jwk_thumbprint),
    constraint accounts_status_check check (status in ('valid', 'deactivated', 'revoked'))
  ) with (fillfactor = 80)`,
  `create table orders (
    id text primary key,
    account_id text not null references accounts,
    profile_revision_id uuid not null references profile_revisions,
    identifiers jsonb not null,
    not_before timestamptz,
    not_after timestamptz,
    created_at timestamptz not null default certctl_now(),
    expires_at timestamptz not null,
    certificate_id text,
    error jsonb,
    constraint orders_outcome_check check (certificate_id is null or error is null),
    constraint orders_identifiers_check check (jsonb_array_length(identifiers) > 0)
  ) with (fillfactor = 85)`,
  `create index orders_account_id_idx on orders (account_id, created_at)`,
  `create index orders_unfinished_idx on orders (account_id, expires_at) where certificate_id is null and error is null`,
  `create index orders_expires_at_idx on orders (expires_at) where certificate_id is null`,
  `create table authorizations (
    id text primary key,
    account_id text not null references accounts,
    profile_revision_id uuid not null references profile_revisions,
    identifier_type text not null,
    identifier_value text not null,
    wildcard boolean not null,
    status text not null,
    expires_at timestamptz not null,
    created_at timestamptz not null default certctl_now(),
    validated_at timestamptz,
    constraint authorizations_status_check check (status in ('pending', 'valid', 'invalid', 'deactivated', 'revoked')),
    constraint authorizations_validated_check check (status <> 'valid' or validated_at is not null),
    constraint authorizations_identifier_type_check check (identifier_type in ('dns', 'ip'))
  ) with (fillfactor = 80)`,
  `create index authorizations_identifier_idx on authorizations (account_id, identifier_value)`,
  `create index authorizations_expires_at_idx on authorizations (expires_at)`,
  `create table order_authorizations (
    order_id text references orders on delete cascade,
    authorization_id text references authorizations,
    primary key (order_id, authorization_id)
  )`,
  `create index order_authorizations_authorization_id_idx on order_authorizations (authorization_id)`,
  `create table challenges (
    id text primary key,
    authorization_id text not null references authorizations on delete cascade,
    type text not null,
    status text not null default 'pending',
    token text not null,
    attempts integer not null default 0,
    responded_at timestamptz,
    validated_at timestamptz,
    next_attempt_at timestamptz,
    locked_by text,
    locked_until timestamptz,
    error jsonb,
    constraint challenges_type_key unique (authorization_id, type),
    constraint challenges_type_check check (type in ('http-01', 'dns-01', 'tls-alpn-01')),
    constraint challenges_status_check check (status in ('pending', 'processing', 'valid', 'invalid')),
    constraint challenges_validated_check check (status <> 'valid' or validated_at is not null),
    constraint challenges_lease_check check ((locked_by is null) = (locked_until is null)),
    constraint challenges_due_check
      check ((status = 'processing') = (locked_until is not null or next_attempt_at is not null))
  ) with (fillfactor = 75)`,
  `create index challenges_due_idx on challenges (coalesce(locked_until, next_attempt_at)) where status = 'processing'`,

  // Issuance
  `create table issuance_intents (
    order_id text primary key references orders on delete cascade,
    owner text,
    leased_until timestamptz,
    created_at timestamptz not null default certctl_now(),
    issuer_certificate_id uuid not null references issuer_certificates,
    crl_shard smallint not null,
    serial_number bytea not null,
    csr_sha256 bytea not null,
    tbs_der bytea not null,
    constraint issuance_intents_serial_number_key unique (serial_number),
    constraint issuance_intents_lease_check check ((owner is null) = (leased_until is null))
  ) with (fillfactor = 85)`,
  `create index issuance_intents_leased_until_idx on issuance_intents (leased_until) where leased_until is not null`,
  `create index issuance_intents_created_at_idx on issuance_intents (created_at)`,
  // What it copies from its order and its intent is checked there: the same foreign keys again would lock rows that
  // every issuance shares.
  `create table certificates (
    id text primary key,
    order_id text not null references orders,
    account_id text not null,
    profile_revision_id uuid not null,
    issuer_certificate_id uuid not null,
    serial_number bytea not null,
    public_key_sha256 bytea not null,
    not_before timestamptz not null,
    not_after timestamptz not null,
    crl_shard smallint not null,
    created_at timestamptz not null default certctl_now(),
    revoked_at timestamptz,
    revocation_reason smallint,
    der bytea not null,
    constraint certificates_order_id_key unique (order_id),
    constraint certificates_serial_number_key unique (serial_number),
    constraint certificates_validity_check check (not_before < not_after),
    constraint certificates_revocation_check check ((revoked_at is null) = (revocation_reason is null))
  )`,
  `create index certificates_not_after_idx on certificates (not_after)`,
  `alter table orders add constraint orders_certificate_id_fkey foreign key (certificate_id) references certificates`,
  `create unique index orders_certificate_id_key on orders (certificate_id) where certificate_id is not null`,

  // Nonces: unlogged, so that spending one costs no write-ahead log. Both tables are empty after a crash or a
  // failover, so a nonce minted before it belongs to no epoch and can't be spent again.
  `create unlogged table nonce_epoch (epoch bytea primary key)`,
  `create unique index nonce_epoch_one_row on nonce_epoch ((true))`,
  `create unlogged table used_nonces (nonce bytea primary key, expires_at timestamptz not null)
    with (autovacuum_vacuum_scale_factor = 0.05)`,
  `create index used_nonces_expires_at_idx on used_nonces (expires_at)`,
  `create table server_keys (
    name text primary key,
    key bytea not null,
    created_at timestamptz not null default certctl_now(),
    constraint server_keys_length_check check (octet_length(key) = 32)
  )`,

  // Rate limits and audit
  `create table rate_limit_buckets (
    key text primary key,
    tat timestamptz not null,
    idle_after timestamptz not null,
    constraint rate_limit_buckets_idle_check check (tat <= idle_after)
  ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)`,
  `create index rate_limit_buckets_idle_after_idx on rate_limit_buckets (idle_after)`,
  `create table audit_events (
    id bigint generated always as identity primary key,
    at timestamptz not null default certctl_now(),
    actor text not null,
    action text not null,
    resource_type text not null,
    resource_id text not null,
    details jsonb
  )`,
  `create index audit_events_at_idx on audit_events (at)`,
]
