#!/bin/bash
# Waits until the API answers under the name that everything in the cluster uses.
set -euo pipefail

deadline=$((SECONDS + PATIENCE))
until answer=$(kubectl --request-timeout=5s get --raw /readyz 2>&1); do
  if ((SECONDS >= deadline)); then
    echo "the Kubernetes API does not answer within $PATIENCE s: $answer" >&2
    exit 1
  fi
  sleep 0.2
done
