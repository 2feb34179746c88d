#!/bin/bash
# Puts the network's configuration into etcd and starts flanneld: flanneld PROGRAM FLAG…
# Every flanneld writes the configuration; the last writer wins.
set -euo pipefail

mkdir -p "$(dirname "$SUBNET_FILE")"
until answer=$(etcdctl --command-timeout=5s --dial-timeout=2s put "$NETWORK_KEY" "$NETWORK" 2>&1); do
  echo "flanneld: etcd does not take the network's configuration: $answer" >&2
  sleep 1
done
exec "$@"
