#!/bin/sh
# Installs what e2e/node runs pods with, from the distribution's packages, and nothing that is there already. No service is
# left running or enabled: the tests start what they need, in namespaces of their own.
set -eu

# program:package
wanted="
  containerd:containerd
  runc:runc
  conntrack:conntrack
  ip:iproute2
  ipset:ipset
  iptables:iptables
  nft:nftables
  socat:socat
  openssl:openssl
  unshare:util-linux
"
units='containerd.service nftables.service'

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=''
for pair in $wanted; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -x /usr/lib/cni/bridge ] || missing="$missing containernetworking-plugins"
[ -n "$missing" ] || { echo 'Everything that runs pods is installed already.'; exit 0; }

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
