#!/bin/bash
# Takes this member out of the cluster when its instance goes for good; a restart or a new machine with the
# same disk stays a member.
set -euo pipefail

if [[ ${BOSH_INSTANCE_DELETED:-} != 1 || ${BOSH_DEPLOYMENT_NEXT_STATE:-keep} == delete || -z $OTHERS ]]; then
  exit 0
fi

ask() { etcdctl --endpoints="$OTHERS" --command-timeout=10s --dial-timeout=2s "$@"; }

deadline=$((SECONDS + PATIENCE))
while true; do
  if list=$(ask member list -w simple --consistency=s 2>&1); then
    id=$(awk -F', ' -v name="$MEMBER_NAME" '$3 == name { print $1 }' <<<"$list")
    if [[ -z $id ]]; then
      exit 0
    fi
    if removed=$(ask member remove "$id" 2>&1); then
      echo "$removed"
      exit 0
    fi
    list=$removed
  fi
  if ((SECONDS >= deadline)); then
    echo "member $MEMBER_NAME is not removed from etcd, whose other members may lose their majority without it: $list" >&2
    exit 1
  fi
  sleep 1
done
