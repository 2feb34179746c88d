#!/bin/bash
# Deletes the node that this instance was under another address; makes the Node object of a simulated machine.
set -euo pipefail

# Nothing of an earlier start may be taken for this one's.
rm -f "$RUN/started" "$RUN/kubelet.pid"

deadline=$((SECONDS + PATIENCE))
until list=$(kubectl --request-timeout=5s get nodes -l "bosh.id=$BOSH_ID" --no-headers \
  -o 'custom-columns=N:.metadata.name,R:.status.conditions[?(@.type=="Ready")].status' 2>&1); do
  if ((SECONDS >= deadline)); then
    echo "the Kubernetes API does not answer within $PATIENCE s: $list" >&2
    exit 1
  fi
  sleep 0.5
done
while read -r name ready; do
  if [[ -n $name && $name != "$NODE" && $name != No && $ready != True ]]; then
    kubectl --request-timeout=20s delete node "$name" --ignore-not-found
  fi
done <<<"$list"

if [[ -n ${NODE_FILE:-} ]]; then
  export KUBECONFIG=$JOB/config/kubeconfig
  kubectl --request-timeout=20s apply --validate=false -f "$NODE_FILE"
  kubectl --request-timeout=20s patch node "$NODE" --subresource=status --patch-file="$STATUS_FILE"
fi
