#!/bin/bash
# Writes down when this start began: who led before from here leads no more.
set -euo pipefail

mkdir -p "$(dirname "$STARTED_FILE")"
date -u +%Y-%m-%dT%H:%M:%S >"$STARTED_FILE"
