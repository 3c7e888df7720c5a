#!/usr/bin/env bash
# Asks a deployed function whatever its OpenAPI document allows, and much that it does not, and compares the answers with
# the document.
#
#   tests/http/schemathesis.sh JELOU ENGINE_DATA
#
#   JELOU        the binary
#   ENGINE_DATA  data folder that the engine was installed into
#
# EXAMPLES (50) is how many requests are made up for each operation, SEED which ones.
set -euo pipefail

jelou=$(realpath "$1")
engine=$(realpath "$2/engine")
cd "$(dirname "${BASH_SOURCE[0]}")"
target=${CARGO_TARGET_DIR:-../../target}
mkdir -p "$target"
venv=$(realpath "$target")/http-venv
work=$(mktemp -d)
# A server of root gives its processes user ids of their own, and these must get through.
chmod 711 "$work"

server=
stop() {
  if [[ -n $server ]]; then
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap stop EXIT

if ! cmp --silent requirements.txt "$venv/requirements.txt"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt
  cp requirements.txt "$venv/requirements.txt"
fi

# Only what is given here leads the server and its command line.
unset "${!JELOU_@}"
mkdir -p "$work/home" "$work/data/engine"
cp --link "$engine"/* "$work/data/engine/" 2>/dev/null || cp "$engine"/* "$work/data/engine/"
mkfifo "$work/ready"
HOME=$work/home "$jelou" serve --data "$work/data" --listen 127.0.0.1:0 --json >"$work/ready" 2>"$work/log" &
server=$!
if ! read -r -t 120 ready <"$work/ready"; then
  echo "error: the server did not start" >&2
  cat "$work/log" >&2
  exit 1
fi
api=$(sed -E 's/.*"api":"([^"]+)".*/\1/' <<<"$ready")

# The profile `local`, which the server has written, lets the command in.
deployed=$(HOME=$work/home "$jelou" deploy fixture --function shop --no-confirm --json) || {
  echo "$deployed" >&2
  exit 1
}
token=$(sed -En 's/.*"token": ?"(jfn_rt_[0-9A-Za-z]+)".*/\1/p' <<<"$deployed")

cd "$work"
NO_PROXY='*' "$venv/bin/schemathesis" run "$api/fn/shop/openapi.json" \
  --url "$api/fn/shop" --header "X-Jelou-Token: $token" \
  --checks all --max-examples "${EXAMPLES:-50}" --seed "${SEED:-1}" --no-color
