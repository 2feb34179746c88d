#!/bin/bash
# Starts etcd: etcd PROGRAM FLAG…
#
# A member with data just starts. One without data begins a new cluster if it is the bootstrap instance and
# no other member answers; else it joins those that do, and takes the place of a member of the same name or
# address whose disk is lost. It joins without a vote, which it is given when it has caught up: until then the
# others keep their majority whatever becomes of it.
set -euo pipefail

members() {
  etcdctl --endpoints="$OTHERS" --command-timeout=5s --dial-timeout=2s member list -w simple "$@"
}


# answers tells whether any other member listens. One that does is joined, however long it takes: a second
# cluster beside it would lose its data.
answers() {
  local url address
  for url in ${OTHERS//,/ }; do
    address=${url#https://}
    # shellcheck disable=SC2016 # the inner shell expands them
    if timeout 2 bash -c ': >"/dev/tcp/$1/$2"' connect "${address%:*}" "${address##*:}" 2>/dev/null; then
      return 0
    fi
  done
  return 1
}

join() {
  local list id status name url mine=
  while IFS=$'\t' read -r id status name url; do
    if [[ $url != "$PEER_URL" && $name != "$MEMBER_NAME" ]]; then
      continue
    fi
    if [[ $status == unstarted && $url == "$PEER_URL" ]]; then
      mine=$id # an earlier attempt came as far as this
      continue
    fi
    echo "etcd: member $id ($name, $url) has lost its data and is replaced"
    etcdctl --endpoints="$OTHERS" --command-timeout=20s member remove "$id"
  done < <(awk -F', ' -v OFS='\t' '{ print $1, $2, $3 == "" ? "-" : $3, $4 }' <<<"$1")
  if [[ -z $mine ]]; then
    echo "etcd: joins the cluster as $MEMBER_NAME"
    etcdctl --endpoints="$OTHERS" --command-timeout=20s member add "$MEMBER_NAME" --learner --peer-urls="$PEER_URL" >&2
  fi
  list=$(members --consistency=s)
  initial=
  while IFS=$'\t' read -r id name url; do
    [[ $url == "$PEER_URL" ]] && name=$MEMBER_NAME
    initial+="${initial:+,}${name:-$id}=$url"
  done < <(awk -F', ' -v OFS='\t' '{ print $1, $3 == "" ? $1 : $3, $4 }' <<<"$list")
}

promote() {
  local line end=$((SECONDS + ${PATIENCE:-120}))
  while ((SECONDS < end)); do
    line=$(members --consistency=s | awk -F', ' -v url="$PEER_URL" '$4 == url') || line=
    if [[ $line == *", false" ]]; then
      return
    fi
    if [[ $line == *", true" ]] && etcdctl --endpoints="$OTHERS" --command-timeout=5s member promote "${line%%,*}"; then
      return
    fi
    sleep 0.3
  done
}

mkdir -p "$DATA_DIR"
chmod 700 "$DATA_DIR"

if [[ ! -d $DATA_DIR/member ]]; then
  state=existing
  if answers; then
    known=$(members --consistency=s)
    join "$known"
  elif [[ $BOOTSTRAP == true ]]; then
    echo "etcd: begins a new cluster as $MEMBER_NAME"
    state=new initial="$MEMBER_NAME=$PEER_URL"
  else
    echo "etcd: has no data, and no other member of the cluster answers" >&2
    exit 1
  fi
  set -- "$@" --initial-cluster-state="$state" --initial-cluster="$initial"
fi
if [[ -n $OTHERS && ${state:-} != new ]]; then
  (promote >/dev/null 2>&1 &) # beside etcd, and no child of it
fi
exec "$@"
