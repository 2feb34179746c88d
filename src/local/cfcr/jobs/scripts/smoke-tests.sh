#!/bin/bash
# Asks whether the cluster does what it is for: the API answers, all nodes are ready, pods run.
set -euo pipefail

ask() { kubectl --request-timeout=30s "$@"; }

ask get --raw /readyz >/dev/null
echo "The API answers."

nodes=$(ask get nodes --no-headers -o 'custom-columns=N:.metadata.name,R:.status.conditions[?(@.type=="Ready")].status')
if [[ -z $nodes || $nodes == "No resources found"* ]]; then
  echo "The cluster has no nodes." >&2
  exit 1
fi
while read -r name ready; do
  if [[ $ready != True ]]; then
    echo "Node $name is not ready." >&2
    exit 1
  fi
done <<<"$nodes"
echo "All nodes are ready: $(wc -l <<<"$nodes")."

namespace=smoke-tests-$(date +%s)-$$
trap 'kubectl delete namespace "$namespace" --timeout=1m --ignore-not-found >/dev/null' EXIT
ask create namespace "$namespace" >/dev/null
ask create deployment smoke --namespace "$namespace" --image "$IMAGE" --replicas 2 >/dev/null
if ! kubectl rollout status deployment/smoke --namespace "$namespace" --timeout 3m; then
  ask get pods --namespace "$namespace" -o wide >&2 || true
  ask get events --namespace "$namespace" >&2 || true
  exit 1
fi
echo "Pods run."
