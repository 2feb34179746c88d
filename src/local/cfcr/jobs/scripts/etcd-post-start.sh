#!/bin/bash
# Waits until this member serves, and tells the others its present address.
set -euo pipefail

ask() { etcdctl --endpoints="$SELF" --command-timeout=5s --dial-timeout=2s "$@"; }

deadline=$((SECONDS + PATIENCE))
until ask endpoint health >/dev/null 2>&1; do
  if ((SECONDS >= deadline)); then
    echo "etcd does not serve within $PATIENCE s:" >&2
    ask endpoint health >&2 || true
    exit 1
  fi
  sleep 0.2
done

line=$(ask member list -w simple | awk -F', ' -v name="$MEMBER_NAME" '$3 == name')
id=${line%%,*}
url=$(awk -F', ' '{ print $4 }' <<<"$line")
if [[ -n $id && $url != "$PEER_URL" ]]; then
  ask member update "$id" --peer-urls="$PEER_URL"
fi
