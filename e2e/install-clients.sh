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
what='Every ACME client'
files='/etc/ssl/certs/ca-certificates.crt:ca-certificates'
units='certbot.timer caddy.service caddy-api.service uacme.timer lego.timer'
. "$(dirname "$0")/install-packages.sh"
