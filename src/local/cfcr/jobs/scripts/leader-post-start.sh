#!/bin/bash
# Waits until somebody leads: until a lease is seen to be renewed. Releases the one that the program which
# ran here before has left behind.
set -euo pipefail

ask() { kubectl --request-timeout=5s --namespace=kube-system "$@"; }

# release gives up a lease as its holder would have done; another version than the one that was seen stays.
release() {
  ask replace -f - <<END
{
  "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
  "metadata": {"name": "$LEASE", "namespace": "kube-system", "resourceVersion": "$version"},
  "spec": {"holderIdentity": "", "leaseDurationSeconds": 1, "acquireTime": "$renewed", "renewTime": "$renewed", "leaseTransitions": ${transitions:-0}}
}
END
}

fields='{.metadata.resourceVersion}|{.spec.renewTime}|{.spec.leaseTransitions}|{.spec.holderIdentity}'
deadline=$((SECONDS + PATIENCE))
started=$(cat "$STARTED_FILE")
before=
while true; do
  answer=$(ask get lease "$LEASE" -o "jsonpath=$fields" 2>&1) || true
  IFS='|' read -r version renewed transitions holder <<<"$answer"
  if [[ -n $holder ]]; then
    if [[ -n $HOLDER && $holder == "$HOLDER"_* && ${renewed%%.*} < $started ]]; then
      answer=$(release 2>&1) || true
    elif [[ -n $before && $renewed != "$before" ]]; then
      exit 0
    else
      before=$renewed
    fi
  fi
  if ((SECONDS >= deadline)); then
    echo "nobody leads as $LEASE within $PATIENCE s: $answer" >&2
    exit 1
  fi
  sleep 0.5
done
