#!/bin/bash
# Starts containerd: docker PROGRAM FLAG…
# Containers inherit its limit of open files; where it may not be raised, they get what there is.
set -euo pipefail

ulimit -n "$NOFILE" 2>/dev/null || ulimit -n "$(ulimit -Hn)"
exec "$@"
