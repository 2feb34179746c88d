#!/bin/bash
# Ends all containers: they outlive containerd, but not the job.
set -euo pipefail

# kill_tree ends a process and all that came from it, the process first so that it starts nothing anew.
kill_tree() {
  local child
  kill -STOP "$1" 2>/dev/null || return 0
  for child in $(children "$1"); do
    kill_tree "$child"
  done
  kill -KILL "$1" 2>/dev/null || true
}

children() {
  local stat line parent
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    read -r _ parent _ <<<"${line##*) }"
    if [[ $parent == "$1" ]]; then
      stat=${stat#/proc/}
      echo "${stat%/stat}"
    fi
  done
}

for comm in /proc/[0-9]*/comm; do
  if [[ $(cat "$comm" 2>/dev/null || true) == containerd-shim* ]]; then
    pid=${comm#/proc/}
    kill_tree "${pid%/comm}"
  fi
done
