create table accounts (
  id text not null,
  directory text not null,
  jwk jsonb not null,
  jwk_thumbprint text not null,
  key_version integer not null default 1,
  status text not null default 'valid'::text,
  contacts text[] not null,
  terms_agreed_at timestamp with time zone,
  created_at timestamp with time zone not null default certctl_now(),
  created_from inet,
  constraint accounts_key_key UNIQUE (directory, jwk_thumbprint),
  constraint accounts_pkey PRIMARY KEY (id),
  constraint accounts_status_check CHECK ((status = ANY (ARRAY['valid'::text, 'deactivated'::text, 'revoked'::text])))
) with (fillfactor=80);

create table audit_events (
  id bigint not null generated always as identity,
  at timestamp with time zone not null default certctl_now(),
  actor text not null,
  action text not null,
  resource_type text not null,
  resource_id text not null,
  details jsonb,
  constraint audit_events_pkey PRIMARY KEY (id)
);

create table authorizations (
  id text not null,
  account_id text not null,
  profile_revision_id uuid not null,
  identifier_type text not null,
  identifier_value text not null,
  wildcard boolean not null,
  status text not null,
  expires_at timestamp with time zone not null,
  created_at timestamp with time zone not null default certctl_now(),
  validated_at timestamp with time zone,
  constraint authorizations_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  constraint authorizations_identifier_type_check CHECK ((identifier_type = ANY (ARRAY['dns'::text, 'ip'::text]))),
  constraint authorizations_pkey PRIMARY KEY (id),
  constraint authorizations_profile_revision_id_fkey FOREIGN KEY (profile_revision_id) REFERENCES profile_revisions(id),
  constraint authorizations_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'valid'::text, 'invalid'::text, 'deactivated'::text, 'revoked'::text]))),
  constraint authorizations_validated_check CHECK (((status <> 'valid'::text) OR (validated_at IS NOT NULL)))
) with (fillfactor=80);

create table certificates (
  id text not null,
  order_id text not null,
  account_id text not null,
  profile_revision_id uuid not null,
  issuer_certificate_id uuid not null,
  serial_number bytea not null,
  public_key_sha256 bytea not null,
  not_before timestamp with time zone not null,
  not_after timestamp with time zone not null,
  crl_shard smallint not null,
  created_at timestamp with time zone not null default certctl_now(),
  revoked_at timestamp with time zone,
  revocation_reason smallint,
  der bytea not null,
  constraint certificates_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(id),
  constraint certificates_order_id_key UNIQUE (order_id),
  constraint certificates_pkey PRIMARY KEY (id),
  constraint certificates_revocation_check CHECK (((revoked_at IS NULL) = (revocation_reason IS NULL))),
  constraint certificates_serial_number_key UNIQUE (serial_number),
  constraint certificates_validity_check CHECK ((not_before < not_after))
);

create table challenges (
  id text not null,
  authorization_id text not null,
  type text not null,
  status text not null default 'pending'::text,
  token text not null,
  attempts integer not null default 0,
  responded_at timestamp with time zone,
  validated_at timestamp with time zone,
  next_attempt_at timestamp with time zone,
  locked_by text,
  locked_until timestamp with time zone,
  error jsonb,
  constraint challenges_authorization_id_fkey FOREIGN KEY (authorization_id) REFERENCES authorizations(id) ON DELETE CASCADE,
  constraint challenges_due_check CHECK (((status = 'processing'::text) = ((locked_until IS NOT NULL) OR (next_attempt_at IS NOT NULL)))),
  constraint challenges_lease_check CHECK (((locked_by IS NULL) = (locked_until IS NULL))),
  constraint challenges_pkey PRIMARY KEY (id),
  constraint challenges_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'valid'::text, 'invalid'::text]))),
  constraint challenges_type_check CHECK ((type = ANY (ARRAY['http-01'::text, 'dns-01'::text, 'tls-alpn-01'::text]))),
  constraint challenges_type_key UNIQUE (authorization_id, type),
  constraint challenges_validated_check CHECK (((status <> 'valid'::text) OR (validated_at IS NOT NULL)))
) with (fillfactor=75);

create table controller_epoch (
  epoch bigint not null,
  holder text not null,
  began_at timestamp with time zone not null
);

create table issuance_intents (
  order_id text not null,
  owner text,
  leased_until timestamp with time zone,
  created_at timestamp with time zone not null default certctl_now(),
  issuer_certificate_id uuid not null,
  crl_shard smallint not null,
  serial_number bytea not null,
  csr_sha256 bytea not null,
  tbs_der bytea not null,
  constraint issuance_intents_issuer_certificate_id_fkey FOREIGN KEY (issuer_certificate_id) REFERENCES issuer_certificates(id),
  constraint issuance_intents_lease_check CHECK (((owner IS NULL) = (leased_until IS NULL))),
  constraint issuance_intents_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(id) ON DELETE CASCADE,
  constraint issuance_intents_pkey PRIMARY KEY (order_id),
  constraint issuance_intents_serial_number_key UNIQUE (serial_number)
) with (fillfactor=85);

create table issuer_certificates (
  id uuid not null default gen_random_uuid(),
  issuer_id uuid not null,
  generation integer not null,
  certificate_der bytea not null,
  chain_pem text not null,
  root_pem text not null,
  subject_key_id bytea not null,
  serial_number bytea not null,
  not_before timestamp with time zone not null,
  not_after timestamp with time zone not null,
  created_at timestamp with time zone not null default certctl_now(),
  retired_at timestamp with time zone,
  constraint issuer_certificates_generation_key UNIQUE (issuer_id, generation),
  constraint issuer_certificates_issuer_id_fkey FOREIGN KEY (issuer_id) REFERENCES issuers(id),
  constraint issuer_certificates_pkey PRIMARY KEY (id),
  constraint issuer_certificates_validity_check CHECK ((not_before < not_after))
);

create table issuers (
  id uuid not null default gen_random_uuid(),
  namespace text not null,
  name text not null,
  uid text not null,
  type text not null,
  spec_hash text not null,
  generation bigint not null,
  retired_at timestamp with time zone,
  key_secret text,
  suspended boolean not null default false,
  ceilings jsonb,
  signing_certificate_id uuid,
  version bigint not null default 1,
  constraint issuers_pkey PRIMARY KEY (id),
  constraint issuers_signing_certificate_id_fkey FOREIGN KEY (signing_certificate_id) REFERENCES issuer_certificates(id)
);

create unlogged table nonce_epoch (
  epoch bytea not null,
  constraint nonce_epoch_pkey PRIMARY KEY (epoch)
);

create table order_authorizations (
  order_id text not null,
  authorization_id text not null,
  constraint order_authorizations_authorization_id_fkey FOREIGN KEY (authorization_id) REFERENCES authorizations(id),
  constraint order_authorizations_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(id) ON DELETE CASCADE,
  constraint order_authorizations_pkey PRIMARY KEY (order_id, authorization_id)
);

create table orders (
  id text not null,
  account_id text not null,
  profile_revision_id uuid not null,
  identifiers jsonb not null,
  not_before timestamp with time zone,
  not_after timestamp with time zone,
  created_at timestamp with time zone not null default certctl_now(),
  expires_at timestamp with time zone not null,
  certificate_id text,
  error jsonb,
  constraint orders_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  constraint orders_certificate_id_fkey FOREIGN KEY (certificate_id) REFERENCES certificates(id),
  constraint orders_identifiers_check CHECK ((jsonb_array_length(identifiers) > 0)),
  constraint orders_outcome_check CHECK (((certificate_id IS NULL) OR (error IS NULL))),
  constraint orders_pkey PRIMARY KEY (id),
  constraint orders_profile_revision_id_fkey FOREIGN KEY (profile_revision_id) REFERENCES profile_revisions(id)
) with (fillfactor=85);

create table profile_revisions (
  id uuid not null default gen_random_uuid(),
  profile_uuid uuid not null,
  revision integer not null,
  policy jsonb not null,
  policy_hash text not null,
  created_at timestamp with time zone not null default certctl_now(),
  constraint profile_revisions_pkey PRIMARY KEY (id),
  constraint profile_revisions_policy_key UNIQUE (profile_uuid, policy_hash),
  constraint profile_revisions_profile_uuid_fkey FOREIGN KEY (profile_uuid) REFERENCES profiles(id),
  constraint profile_revisions_revision_key UNIQUE (profile_uuid, revision)
);

create table profiles (
  id uuid not null default gen_random_uuid(),
  profile_id text not null,
  namespace text not null,
  name text not null,
  uid text not null,
  issuer_id uuid not null,
  current_revision_id uuid,
  generation bigint not null,
  retired_at timestamp with time zone,
  version bigint not null default 1,
  constraint profiles_current_revision_id_fkey FOREIGN KEY (current_revision_id) REFERENCES profile_revisions(id),
  constraint profiles_issuer_id_fkey FOREIGN KEY (issuer_id) REFERENCES issuers(id),
  constraint profiles_pkey PRIMARY KEY (id)
);

create table rate_limit_buckets (
  key text not null,
  tat timestamp with time zone not null,
  idle_after timestamp with time zone not null,
  constraint rate_limit_buckets_idle_check CHECK ((tat <= idle_after)),
  constraint rate_limit_buckets_pkey PRIMARY KEY (key)
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0.05);

create table replicas (
  id text not null,
  beat_at timestamp with time zone not null,
  version bigint not null,
  missing_issuers uuid[] not null,
  constraint replicas_pkey PRIMARY KEY (id)
);

create table schema_migrations (
  name text not null,
  applied_at timestamp with time zone not null default clock_timestamp(),
  constraint schema_migrations_pkey PRIMARY KEY (name)
);

create table server_keys (
  name text not null,
  key bytea not null,
  created_at timestamp with time zone not null default certctl_now(),
  constraint server_keys_length_check CHECK ((octet_length(key) = 32)),
  constraint server_keys_pkey PRIMARY KEY (name)
);

create table snapshot_version (
  version bigint not null
);

create unlogged table used_nonces (
  nonce bytea not null,
  expires_at timestamp with time zone not null,
  constraint used_nonces_pkey PRIMARY KEY (nonce)
) with (autovacuum_vacuum_scale_factor=0.05);

CREATE INDEX audit_events_at_idx ON audit_events USING btree (at);

CREATE INDEX authorizations_expires_at_idx ON authorizations USING btree (expires_at);

CREATE INDEX authorizations_identifier_idx ON authorizations USING btree (account_id, identifier_value);

CREATE INDEX certificates_not_after_idx ON certificates USING btree (not_after);

CREATE INDEX challenges_due_idx ON challenges USING btree (COALESCE(locked_until, next_attempt_at)) WHERE (status = 'processing'::text);

CREATE UNIQUE INDEX controller_epoch_one_row ON controller_epoch USING btree ((true));

CREATE INDEX issuance_intents_created_at_idx ON issuance_intents USING btree (created_at);

CREATE INDEX issuance_intents_leased_until_idx ON issuance_intents USING btree (leased_until) WHERE (leased_until IS NOT NULL);

CREATE UNIQUE INDEX issuers_name_key ON issuers USING btree (namespace, name) WHERE (retired_at IS NULL);

CREATE UNIQUE INDEX issuers_uid_key ON issuers USING btree (uid);

CREATE UNIQUE INDEX nonce_epoch_one_row ON nonce_epoch USING btree ((true));

CREATE INDEX order_authorizations_authorization_id_idx ON order_authorizations USING btree (authorization_id);

CREATE INDEX orders_account_id_idx ON orders USING btree (account_id, created_at);

CREATE UNIQUE INDEX orders_certificate_id_key ON orders USING btree (certificate_id) WHERE (certificate_id IS NOT NULL);

CREATE INDEX orders_expires_at_idx ON orders USING btree (expires_at) WHERE (certificate_id IS NULL);

CREATE INDEX orders_unfinished_idx ON orders USING btree (account_id, expires_at) WHERE ((certificate_id IS NULL) AND (error IS NULL));

CREATE UNIQUE INDEX profiles_profile_id_key ON profiles USING btree (profile_id) WHERE (retired_at IS NULL);

CREATE UNIQUE INDEX profiles_uid_key ON profiles USING btree (uid);

CREATE INDEX rate_limit_buckets_idle_after_idx ON rate_limit_buckets USING btree (idle_after);

CREATE INDEX replicas_beat_at_idx ON replicas USING btree (beat_at);

CREATE UNIQUE INDEX snapshot_version_one_row ON snapshot_version USING btree ((true));

CREATE INDEX used_nonces_expires_at_idx ON used_nonces USING btree (expires_at);

CREATE OR REPLACE FUNCTION certctl_charge_buckets(keys text[], emission_intervals_us bigint[], bursts integer[], costs integer[])
 RETURNS TABLE(refused_key text, retry_after_us bigint)
 LANGUAGE plpgsql
AS $function$
  declare
    bucket_tat timestamptz;
    tats timestamptz[];
    moment timestamptz;
    early interval;
  begin
    -- A crash of Postgres may forget the charges of its last moments; no request waits for the disk because of them.
    perform set_config('synchronous_commit', 'off', true);

    for i in 1 .. cardinality(keys) loop
      loop
        select tat into bucket_tat from rate_limit_buckets where key = keys[i] for no key update;
        exit when found;
        -- A bucket that is not there is full, and asking whether it has room is no reason to make it.
        if costs[i] = 0 then
          bucket_tat := '-infinity';
          exit;
        end if;
        insert into rate_limit_buckets (key, tat, idle_after) values (keys[i], '-infinity', '-infinity')
          on conflict do nothing;
      end loop;
      tats[i] := bucket_tat;
    end loop;

    moment := certctl_now();
    for i in 1 .. cardinality(keys) loop
      tats[i] := greatest(tats[i], moment) + costs[i] * emission_intervals_us[i] * interval '1 microsecond';
      early := tats[i] - moment - bursts[i] * emission_intervals_us[i] * interval '1 microsecond';
      if early > interval '0' then
        refused_key := keys[i];
        retry_after_us := ceil(extract(epoch from early) * 1000000);
        return next;
        return;
      end if;
    end loop;

    -- idle_after moves in steps, so most charges touch no index.
    for i in 1 .. cardinality(keys) loop
      update rate_limit_buckets
        set tat = tats[i],
          idle_after = case when idle_after < tats[i] then tats[i] + interval '1 hour' else idle_after end
        where key = keys[i] and costs[i] > 0;
    end loop;
  end
  $function$
;

CREATE OR REPLACE FUNCTION certctl_create_order(new_order jsonb, new_authorizations jsonb, reused_authorizations text[], pending_limit integer, take_turns boolean, acting text, OUT outcome text, OUT pending integer)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
  declare
    account constant text := new_order->>'account_id';
    revision constant uuid := (new_order->>'profile_revision_id')::uuid;
    room constant integer := pending_limit - current_setting('max_connections')::integer;
    exclusive constant boolean := take_turns or room <= 0;
    moment timestamptz;
  begin
    if exclusive then
      perform pg_advisory_xact_lock(hashtext('certctl_create_order'), hashtext(account));
    else
      perform pg_advisory_xact_lock_shared(hashtext('certctl_create_order'), hashtext(account));
    end if;
    moment := certctl_now();

    select count(*) into pending from orders o
      where o.account_id = account and o.certificate_id is null and o.error is null and o.expires_at > moment;
    if not exclusive and pending >= room then
      outcome := 'contended';
      return;
    end if;
    if pending >= pending_limit then
      select count(*) into pending from orders o
        where o.account_id = account and o.certificate_id is null and o.error is null and o.expires_at > moment
          and not exists (
            select from order_authorizations oa join authorizations a on a.id = oa.authorization_id
              where oa.order_id = o.id and (a.status not in ('pending', 'valid') or a.expires_at <= moment)
          );
    end if;
    if pending >= pending_limit then
      outcome := 'too-many-pending';
      return;
    end if;

    insert into orders (id, account_id, profile_revision_id, identifiers, not_before, not_after, created_at, expires_at)
      values (
        new_order->>'id', account, revision, new_order->'identifiers', (new_order->>'not_before')::timestamptz,
        (new_order->>'not_after')::timestamptz, moment, (new_order->>'expires_at')::timestamptz
      );
    insert into authorizations (
        id, account_id, profile_revision_id, identifier_type, identifier_value, wildcard, status, expires_at,
        created_at, validated_at
      )
      select a.id, account, revision, a.identifier_type, a.identifier_value, a.wildcard, a.status, a.expires_at,
          moment, case a.status when 'valid' then moment end
        from jsonb_to_recordset(new_authorizations) as a (
          id text, identifier_type text, identifier_value text, wildcard boolean, status text, expires_at timestamptz
        );
    insert into challenges (id, authorization_id, type, token)
      select c.id, a.id, c.type, c.token
        from jsonb_to_recordset(new_authorizations) as a (id text, challenges jsonb),
          jsonb_to_recordset(a.challenges) as c (id text, type text, token text);
    insert into order_authorizations (order_id, authorization_id)
      select new_order->>'id', a->>'id' from jsonb_array_elements(new_authorizations) as a
      union all
      select new_order->>'id', a.id from authorizations a
        where a.id = any (reused_authorizations) and a.account_id = account;
    insert into audit_events (at, actor, action, resource_type, resource_id, details)
      values (
        moment, acting, 'order.create', 'order', new_order->>'id',
        jsonb_build_object('identifiers', new_order->'identifiers')
      );
    outcome := 'created';
  end
  $function$
;

CREATE OR REPLACE FUNCTION certctl_next_snapshot_version()
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
  declare
    taken bigint;
  begin
    update snapshot_version set version = version + 1 returning version into strict taken;
    perform pg_notify('certctl_snapshot', '');
    return taken;
  end
  $function$
;

CREATE OR REPLACE FUNCTION certctl_now()
 RETURNS timestamp with time zone
 LANGUAGE sql
AS $function$ select clock_timestamp() $function$
;

CREATE OR REPLACE FUNCTION certctl_refund_buckets(keys text[], emission_intervals_us bigint[], costs integer[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
  begin
    for i in 1 .. cardinality(keys) loop
      update rate_limit_buckets set tat = tat - costs[i] * emission_intervals_us[i] * interval '1 microsecond'
        where key = keys[i];
    end loop;
  end
  $function$
;

CREATE OR REPLACE FUNCTION certctl_version_issuer()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  begin
    update issuers set version = certctl_next_snapshot_version() where id = new.issuer_id;
    return null;
  end
  $function$
;

CREATE OR REPLACE FUNCTION certctl_version_row()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  begin
    execute format(
      'update %I.%I set version = certctl_next_snapshot_version() where id = $1 and version = $2',
      tg_table_schema, tg_table_name
    ) using new.id, new.version;
    return null;
  end
  $function$
;

CREATE CONSTRAINT TRIGGER issuer_certificates_insert_version AFTER INSERT ON issuer_certificates DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION certctl_version_issuer();

CREATE CONSTRAINT TRIGGER issuer_certificates_update_version AFTER UPDATE ON issuer_certificates DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION certctl_version_issuer();

CREATE CONSTRAINT TRIGGER issuers_insert_version AFTER INSERT ON issuers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION certctl_version_row();

CREATE CONSTRAINT TRIGGER issuers_update_version AFTER UPDATE ON issuers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (old.version = new.version AND old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION certctl_version_row();

CREATE CONSTRAINT TRIGGER profiles_insert_version AFTER INSERT ON profiles DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION certctl_version_row();

CREATE CONSTRAINT TRIGGER profiles_update_version AFTER UPDATE ON profiles DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (old.version = new.version AND old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION certctl_version_row();
