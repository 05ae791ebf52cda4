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
what='Everything that runs pods'
files='/usr/lib/cni/bridge:containernetworking-plugins'
units='containerd.service nftables.service'
. "$(dirname "$0")/install-packages.sh"
