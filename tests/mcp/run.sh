#!/usr/bin/env bash
# Tests MCP and OpenAPI of deployed functions with what others have made: the conformance suite, the official clients
# of TypeScript and Python, and a validator of OpenAPI documents.
#
#   tests/mcp/run.sh JELOU ENGINE_DATA
#
#   JELOU        the binary
#   ENGINE_DATA  data folder that the engine was installed into
#
# Packages are fetched through the clients of npm and PyPI, of the versions in deno.json and requirements.txt. Those of npm
# lie in node_modules: from a cache whose CommonJS modules it has not analysed yet, Deno 2.9.6 starts the conformance
# suite and waits for ever.
set -euo pipefail

jelou=$(realpath "$1")
engine=$(realpath "$2/engine")
cd "$(dirname "${BASH_SOURCE[0]}")"
deno=$(compgen -G "$engine/deno-*" | head -n 1) || {
  echo "error: the engine is not in $engine" >&2
  echo "hint: run \`make engine\`" >&2
  exit 1
}
target=${CARGO_TARGET_DIR:-../../target}
mkdir -p "$target"
target=$(realpath "$target")
venv=$target/mcp-venv
export DENO_DIR=${DENO_DIR:-$target/deno} DENO_NO_UPDATE_CHECK=1
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

# Only what is given here leads the server and its command line.
unset "${!JELOU_@}"
command_line() { HOME=$work/home "$jelou" "$@"; }

mkdir -p "$work/home" "$work/data/engine"
cp --link "$engine"/* "$work/data/engine/" 2>/dev/null || cp "$engine"/* "$work/data/engine/"
mkfifo "$work/ready"
# Not through the function: the process to be stopped is the server itself.
HOME=$work/home "$jelou" serve --data "$work/data" --listen 127.0.0.1:0 --json >"$work/ready" 2>"$work/log" &
server=$!
if ! read -r -t 120 ready <"$work/ready"; then
  echo "error: the server did not start" >&2
  cat "$work/log" >&2
  exit 1
fi
api=$(sed -E 's/.*"api":"([^"]+)".*/\1/' <<<"$ready")

# The profile `local`, which the server has written, lets the commands in. Answers with the function's token.
deploy() {
  local answer
  answer=$(command_line deploy "$1" --function "$2" --no-confirm --json) || {
    echo "$answer" >&2
    return 1
  }
  sed -En 's/.*"token": ?"(jfn_rt_[0-9A-Za-z]+)".*/\1/p' <<<"$answer"
}
deploy fixture conformance >/dev/null
deploy ../../examples/mi-funcion private >/dev/null
token=$(deploy tools tools)
clients=("$api/fn/tools/mcp" "$token" "$api/fn/private/mcp")

"$deno" run --frozen -A conformance.ts "$api/fn/conformance/mcp"
"$deno" run --frozen -A clients/typescript.ts "${clients[@]}"

if ! cmp --silent requirements.txt "$venv/requirements.txt"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt
  cp requirements.txt "$venv/requirements.txt"
fi
"$venv/bin/python" clients/python.py "${clients[@]}"
"$venv/bin/python" openapi.py "$api"/fn/{conformance,private,tools}/openapi.json
