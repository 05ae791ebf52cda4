#!/bin/sh
# Installs what e2e/image builds and runs the image with, from the distribution's packages, and nothing that is there
# already. None of them is a service; the tests keep images and containers below .cache/image and in temporary folders.
set -eu

# program:package
wanted="
  buildah:buildah
  debootstrap:debootstrap
  ip:iproute2
  openssl:openssl
  unshare:util-linux
  setpriv:util-linux
  xz:xz-utils
"

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=''
for pair in $wanted; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || { echo 'Everything that builds images is installed already.'; exit 0; }

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

echo "Installing:$missing"
# shellcheck disable=SC2086 # a list of package names
install() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing; }
# shellcheck disable=SC2086
known() { apt-cache show $missing >/dev/null 2>&1; }
known || $as_root apt-get update -q
install || { $as_root apt-get update -q && install; }
