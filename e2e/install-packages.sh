# Sourced by the scripts that install what tests need, from the distribution's packages: what is there already is left
# alone, and no service is left running or enabled. They set
#   what    what is installed, for people
#   wanted  program:package, one for each that is looked for on the path
#   files   file:package, for what is no program
#   units   services that packages would enable
# shellcheck shell=sh disable=SC2154
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=''
for pair in $wanted; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
for pair in ${files:-}; do
  [ -e "${pair%%:*}" ] || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || { echo "$what is installed already."; exit 0; }

if ! command -v apt-get >/dev/null 2>&1; then
  echo "These packages are missing and this machine has no apt-get to install them with:$missing" >&2
  exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
  as_root=''
elif command -v sudo >/dev/null 2>&1; then
  as_root='sudo'
else
  echo "Installing needs root or sudo. Run as root: apt-get install --no-install-recommends$missing" >&2
  exit 1
fi

was_enabled() { command -v systemctl >/dev/null 2>&1 && systemctl is-enabled --quiet "$1" 2>/dev/null; }
enabled_before=''
for unit in ${units:-}; do
  if was_enabled "$unit"; then enabled_before="$enabled_before $unit "; fi
done

# Debian's way to say that packages may not start services while they are being installed.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
  trap '$as_root rm -f "$policy"' EXIT
fi

echo "Installing:$missing"
# shellcheck disable=SC2086 # a list of package names
install() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing; }
# shellcheck disable=SC2086
known() { apt-cache show $missing >/dev/null 2>&1; }
known || $as_root apt-get update -q
install || { $as_root apt-get update -q && install; }

# Only a running systemd can stop anything; a container has its program alone.
now=''
[ ! -d /run/systemd/system ] || now='--now'
for unit in ${units:-}; do
  case "$enabled_before" in *" $unit "*) continue ;; esac
  # shellcheck disable=SC2086 # an option, or none
  if was_enabled "$unit"; then $as_root systemctl disable $now "$unit"; fi
done
