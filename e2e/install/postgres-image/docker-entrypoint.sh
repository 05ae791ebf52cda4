#!/bin/sh
# Makes a database cluster in PGDATA where there is none yet, and becomes the server.
set -eu

case "${1:-}" in
'' | -*) set -- postgres "$@" ;;
esac

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  fi
  if [ -z "${POSTGRES_PASSWORD:-}" ]; then
    echo 'Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE.' >&2
    exit 1
  fi
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  password_file=$(mktemp)
  printf '%s\n' "$POSTGRES_PASSWORD" >"$password_file"
  # shellcheck disable=SC2086 # a list of arguments
  initdb --username="$user" --pwfile="$password_file" ${POSTGRES_INITDB_ARGS:-}
  rm "$password_file"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  # On a socket only, so that nobody takes this one for the real one.
  pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
  if [ "$database" != postgres ]; then
    psql -v ON_ERROR_STOP=1 --username "$user" --dbname postgres -c "create database \"$database\""
  fi
  pg_ctl -D "$PGDATA" -m fast -w stop
fi

exec "$@" -c listen_addresses='*'
