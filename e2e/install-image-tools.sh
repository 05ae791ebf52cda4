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
what='Everything that builds images'
. "$(dirname "$0")/install-packages.sh"
