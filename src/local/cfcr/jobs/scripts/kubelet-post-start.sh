#!/bin/bash
# Waits until this start's kubelet reports its node ready, and lets pods onto it. What the API still knows of
# the kubelet before does not count.
set -euo pipefail

conditions='{.status.nodeInfo.kubeletVersion} {.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].lastHeartbeatTime}'
deadline=$((SECONDS + PATIENCE))
while true; do
  answer=$(kubectl --request-timeout=5s get node "$NODE" -o "jsonpath=$conditions" 2>&1) || true
  read -r version ready heartbeat <<<"$answer" || true
  started=$(cat "$RUN/started" 2>/dev/null || true)
  if [[ $version == "$KUBELET_VERSION" && $ready == True && -n $started && ! $heartbeat < $started ]]; then
    break
  fi
  if ((SECONDS >= deadline)); then
    echo "node $NODE is not ready within $PATIENCE s: $answer" >&2
    kubectl --request-timeout=5s get node "$NODE" -o 'jsonpath={range .status.conditions[*]}{.type}={.status} {.message}{"\n"}{end}' >&2 || true
    exit 1
  fi
  sleep 0.3
done

# Right after an API server's start its view of the roles may not be complete.
again() {
  local answer
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if answer=$("$@" 2>&1); then
      return 0
    fi
    sleep 1
  done
  echo "$answer" >&2
  return 1
}

read -r -a list <<<"$LABELS"
if ((${#list[@]} > 0)); then
  again kubectl --request-timeout=20s label node "$NODE" --overwrite "${list[@]}"
fi
again kubectl --request-timeout=20s uncordon "$NODE"
