#!/bin/bash
# Starts the kubelet, or what plays it: kubelet PROGRAM FLAG…
# Before the first pod the images that this machine brings along are put where the kubelet finds them.
set -euo pipefail

if [[ -n ${IMAGES:-} ]]; then
  for archive in "$IMAGES"/*.tar; do
    ctr --address "$CONTAINERD" --namespace k8s.io images import --local "$archive"
  done
fi
if [[ -n ${LEASE:-} ]]; then
  # What played the node before may not have let go of it, and would be waited for.
  kubectl --request-timeout=5s delete lease --namespace kube-node-lease "$LEASE" --ignore-not-found || true
fi
mkdir -p "$RUN"
date -u +%Y-%m-%dT%H:%M:%SZ >"$RUN/started"
echo $$ >"$RUN/kubelet.pid"
exec "$@"
