#!/bin/sh
# Installs the ACME clients that e2e/clients drives, from the distribution's packages, and nothing that is there already.
# No service is left running or enabled: the tests start what they need, in a namespace of their own.
set -eu

# program:package. apache2-bin has the server and mod_md without the service that the apache2 package brings.
wanted="
  certbot:certbot
  lego:lego
  uacme:uacme
  dehydrated:dehydrated
  acme-tiny:acme-tiny
  caddy:caddy
  apache2:apache2-bin
  openssl:openssl
  curl:curl
  ip:iproute2
  unshare:util-linux
"
units='certbot.timer caddy.service caddy-api.service uacme.timer lego.timer'

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=''
for pair in $wanted; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
[ -n "$missing" ] || { echo 'Every ACME client is installed already.'; exit 0; }

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
for unit in $units; do
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

for unit in $units; do
  case "$enabled_before" in *" $unit "*) continue ;; esac
  if was_enabled "$unit"; then $as_root systemctl disable --now "$unit"; fi
done
