#!/bin/bash
# Moves the pods of this node elsewhere before it stops, and deletes the node when its instance goes for
# good. The node of an instance that comes back is kept, with what users wrote on it.
set -euo pipefail

if [[ ${BOSH_DEPLOYMENT_NEXT_STATE:-keep} == delete ]]; then
  exit 0 # the cluster ends: there is no elsewhere
fi

running() {
  local pid
  pid=$(cat "$RUN/kubelet.pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null
}

ask() { kubectl --request-timeout=20s "$@"; }

cordon() {
  local answer
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if answer=$(ask cordon "$NODE" 2>&1); then
      return 0
    fi
    if [[ $answer == *NotFound* || $answer == *"not found"* ]]; then
      return 1
    fi
    sleep 1
  done
  echo "node $NODE cannot be cordoned: $answer" >&2
  exit 1
}

evict() {
  local try answer
  for try in 1 2 3 4 5; do
    if answer=$(kubectl drain "$NODE" --timeout="$DRAIN_TIMEOUT" --grace-period="$DRAIN_GRACE_PERIOD" --force="$DRAIN_FORCE" \
      --ignore-daemonsets="$DRAIN_DAEMON_SETS" --delete-emptydir-data="$DRAIN_LOCAL_DATA" 2>&1); then
      return 0
    fi
    if [[ $answer == *"timeout reached"* ]]; then
      break
    fi
    if ((try > 1)) && ask get --raw /readyz >/dev/null 2>&1; then
      break # the API serves: it is the drain that fails
    fi
    sleep 2
  done
  echo "node $NODE is not drained: $answer" >&2
  return 1
}

if running && cordon && ! evict; then
  if [[ $DRAIN_FORCE_NODE != true ]]; then
    exit 1
  fi
  ask delete pods --all-namespaces --field-selector "spec.nodeName=$NODE" --grace-period=0 --force
fi
if [[ ${BOSH_INSTANCE_DELETED:-} == 1 ]]; then
  ask delete node "$NODE" --ignore-not-found
fi
