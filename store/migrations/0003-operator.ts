/** What a controller and the replicas that serve need of each other: who may write, what has changed, who has seen it. */
export const statements: readonly string[] = [
  `create table controller_epoch (
    epoch bigint not null,
    holder text not null,
    began_at timestamptz not null
  )`,
  `create unique index controller_epoch_one_row on controller_epoch ((true))`,
  `create table replicas (
    id text primary key,
    beat_at timestamptz not null,
    version bigint not null,
    missing_issuers uuid[] not null
  )`,
  `create index replicas_beat_at_idx on replicas (beat_at)`,
  `create table snapshot_version (version bigint not null)`,
  `create unique index snapshot_version_one_row on snapshot_version ((true))`,
  // No replica has loaded 1 before it has looked, not even on an empty database.
  `insert into snapshot_version (version) values (1)`,

  `alter table issuers
    add column key_secret text,
    add column suspended boolean not null default false,
    add column ceilings jsonb,
    add column signing_certificate_id uuid references issuer_certificates,
    add column version bigint not null default 1`,
  `alter table profiles add column version bigint not null default 1`,

  // Holds the counter until the transaction ends, so that numbers are committed in the order in which they were taken:
  // whoever reads a number sees all that was changed up to it.
  `create function certctl_next_snapshot_version() returns bigint language plpgsql as $$
  declare
    taken bigint;
  begin
    update snapshot_version set version = version + 1 returning version into strict taken;
    perform pg_notify('certctl_snapshot', '');
    return taken;
  end
  $$`,

  // The triggers run when the transaction commits. The counter is then the last lock of all, so that two writers never
  // wait for each other, and one that is slow keeps no other waiting. Of several changes of a row the first one takes
  // the number.
  `create function certctl_version_row() returns trigger language plpgsql as $$
  begin
    execute format(
      'update %I.%I set version = certctl_next_snapshot_version() where id = $1 and version = $2',
      tg_table_schema, tg_table_name
    ) using new.id, new.version;
    return null;
  end
  $$`,
  `create constraint trigger issuers_insert_version after insert on issuers
    deferrable initially deferred for each row execute function certctl_version_row()`,
  `create constraint trigger issuers_update_version after update on issuers
    deferrable initially deferred for each row
    when (old.version = new.version and old.* is distinct from new.*) execute function certctl_version_row()`,
  `create constraint trigger profiles_insert_version after insert on profiles
    deferrable initially deferred for each row execute function certctl_version_row()`,
  `create constraint trigger profiles_update_version after update on profiles
    deferrable initially deferred for each row
    when (old.version = new.version and old.* is distinct from new.*) execute function certctl_version_row()`,

  // A generation is part of its issuer, whose row its writer has locked.
  `create function certctl_version_issuer() returns trigger language plpgsql as $$
  begin
    update issuers set version = certctl_next_snapshot_version() where id = new.issuer_id;
    return null;
  end
  $$`,
  `create constraint trigger issuer_certificates_insert_version after insert on issuer_certificates
    deferrable initially deferred for each row execute function certctl_version_issuer()`,
  `create constraint trigger issuer_certificates_update_version after update on issuer_certificates
    deferrable initially deferred for each row
    when (old.* is distinct from new.*) execute function certctl_version_issuer()`,
]
