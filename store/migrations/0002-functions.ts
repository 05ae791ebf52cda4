/** What takes a lock and then decides: in one round trip, and with the clock read after the lock. */
export const statements: readonly string[] = [
  // Creates an order with its authorizations and challenges, or says how many unfinished orders stand in the way.
  //
  // The count is exact. Near the limit requests of an account take turns, so that each counts what those before it have
  // committed. An account may be a whole cluster, and turns last until the commit is on disk; so while even one order
  // more on every connection of the server would not reach the limit, they only keep those out that take turns. One
  // that finds itself near the limit after all is 'contended' and must call again with take_turns.
  //
  // Orders that an authorization has killed are told apart only where that decides, since it means a look at every
  // authorization of every unfinished order.
  `create function certctl_create_order(
    new_order jsonb,
    new_authorizations jsonb,
    reused_authorizations text[],
    pending_limit integer,
    take_turns boolean,
    acting text,
    out outcome text,
    out pending integer
  ) language plpgsql as $$
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
  $$`,

  // GCRA over several buckets at once: charges all of them or, returning the first bucket that refuses and when
  // it would not, none. Buckets are locked one after the other in key order, made where missing, so two requests
  // never wait for each other; the clock is read when all are locked. A charge costs the same whatever the limit:
  // a bucket is one time, how far ahead of the clock its charges reach.
  `create function certctl_charge_buckets(
    keys text[],
    emission_intervals_us bigint[],
    bursts integer[],
    costs integer[]
  ) returns table (refused_key text, retry_after_us bigint) language plpgsql as $$
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
  $$`,

  // Locks as charging does, one bucket after the other in key order.
  `create function certctl_refund_buckets(keys text[], emission_intervals_us bigint[], costs integer[])
  returns void language plpgsql as $$
  begin
    for i in 1 .. cardinality(keys) loop
      update rate_limit_buckets set tat = tat - costs[i] * emission_intervals_us[i] * interval '1 microsecond'
        where key = keys[i];
    end loop;
  end
  $$`,
]
