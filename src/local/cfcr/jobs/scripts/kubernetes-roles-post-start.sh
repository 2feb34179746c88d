#!/bin/bash
# Applies the cluster's roles, then the operator's own objects. Right after its start an API server refuses
# or misses some requests, so each file is tried again until the time is over.
set -euo pipefail

deadline=$((SECONDS + PATIENCE))
for file in "$JOB"/config/roles.yml "$JOB"/config/custom-*.yml; do
  if [[ ! -e $file ]]; then
    continue
  fi
  until answer=$(kubectl --request-timeout=20s apply -f "$file" 2>&1); do
    if ((SECONDS >= deadline)); then
      echo "$(basename "$file") is not applied within $PATIENCE s: $answer" >&2
      exit 1
    fi
    sleep 0.5
  done
  echo "$answer"
done
