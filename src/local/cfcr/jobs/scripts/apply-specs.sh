#!/bin/bash
# Brings the cluster's own add-ons into it, waits until they run, then applies the operator's. It may be run
# again at any time.
set -euo pipefail

# apply tries again for a while: an API server that has just started refuses some requests.
apply() {
  local _ answer
  for _ in 1 2 3 4 5 6; do
    if answer=$(kubectl --request-timeout=30s apply -f "$1" 2>&1); then
      echo "$answer"
      return 0
    fi
    sleep 2
  done
  echo "$answer" >&2
  return 1
}

if [[ -n ${COREDNS:-} ]]; then
  apply "$COREDNS"
  nodes=$(kubectl --request-timeout=30s get nodes --no-headers -o name | wc -l)
  if ((nodes > 1)); then
    apply "$COREDNS_DISRUPTION"
  else
    kubectl --request-timeout=30s delete -f "$COREDNS_DISRUPTION" --ignore-not-found
  fi
  kubectl rollout status --namespace kube-system deployment/coredns
fi
if [[ -n ${ADDONS:-} ]]; then
  apply "$ADDONS"
fi
