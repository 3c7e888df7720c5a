#!/usr/bin/env bash
# Starts a server, deploys examples/mi-funcion, calls it, and serves until Ctrl-C.
#
# All files, including a home folder, are in .demo/, which every run replaces. The Makefile sets:
#   JELOU        the binary
#   ENGINE_DATA  the data folder with the installed engine
#   ONCE         1 to stop after the call
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

slug=mi-funcion
input='{"telefono":"593987654321"}'
demo=$PWD/.demo
jelou=$JELOU
engine_data=$ENGINE_DATA
once=${ONCE:-}

# Ignore the caller's settings of jelou, but keep the user's npm configuration.
export NPM_CONFIG_USERCONFIG=${NPM_CONFIG_USERCONFIG:-$HOME/.npmrc}
unset "${!JELOU_@}" JELOU ENGINE_DATA ONCE
export HOME=$demo/home

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[[ -t 1 && -z ${NO_COLOR:-} ]] || say() { printf '\n%s\n' "$*"; }
fail() {
  echo "error: $*" >&2
  if [[ -n $started && -s $demo/server.log ]]; then
    echo "The last lines of .demo/server.log:" >&2
    tail -n 20 "$demo/server.log" >&2
  fi
  exit 1
}

started=
server=
stop_server() {
  [[ -n $server ]] || return 0
  local pid=$server status=0
  server=
  kill -TERM "$pid" 2>/dev/null || true
  # The server drains requests in flight for up to 30 seconds.
  (sleep 40 && kill -KILL "$pid") 2>/dev/null &
  local watchdog=$!
  wait "$pid" || status=$?
  kill "$watchdog" 2>/dev/null || true
  wait "$watchdog" 2>/dev/null || true
  return "$status"
}
trap 'stop_server || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p "$demo"
exec 8>"$demo/lock"
flock --nonblock 8 || fail "another demo runs in this checkout"
find "$demo" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf {} +
mkdir -p "$HOME" "$demo/data/engine"
# Copies the files instead of linking them, because the server changes the owner of its copy.
cp --reflink=auto "$engine_data"/engine/* "$demo/data/engine/"

say "Starting the server"
listen=127.0.0.1:4400
if (exec 9<>/dev/tcp/127.0.0.1/4400) 2>/dev/null; then
  echo "Port 4400 is taken; taking a free one."
  listen=127.0.0.1:0
fi
mkfifo "$demo/ready"
"$jelou" serve --listen "$listen" --data "$demo/data" --json \
  >"$demo/ready" 2>"$demo/server.log" </dev/null 8>&- &
server=$! started=1
# The server keeps the pipe open. If the server ends, `read` gets the end of the file.
exec 7<"$demo/ready"
read -r -t 120 ready <&7 || fail "the server did not start"
api=$(jq --exit-status --raw-output .data.api <<<"$ready") || fail "the server said: $ready"
pattern=$(jq --exit-status --raw-output .data.functions <<<"$ready")
url=${pattern/\{slug\}/$slug}
echo "API:       $api"
echo "Functions: $pattern"

say "Deploying examples/$slug"
# A copy, because the first deploy writes the function's id to jelou.json.
cp -r "examples/$slug" "$demo/$slug"
deployed=$(cd "$demo/$slug" && "$jelou" deploy --no-confirm --human) || fail "the deploy failed"
echo "$deployed"
token=$(grep --only-matching --extended-regexp 'jfn_rt_[0-9A-Za-z]{38}' <<<"$deployed") ||
  fail "the deploy printed no token"

say "Calling it"
post() { curl --silent --show-error --noproxy '*' --max-time 30 --request POST "$url" \
  --header 'Content-Type: application/json' --data "$input" "$@"; }
refused=$(post --output "$demo/refused" --write-out '%{http_code}') || fail "the call failed"
[[ $refused == 401 ]] || fail "a call without the token was answered $refused, not 401"
echo "Without the token: $refused $(<"$demo/refused")"
answer=$(post --fail-with-body --header "X-Jelou-Token: $token") || fail "the call failed: ${answer:-}"
echo "With the token:    200 $answer"
jq --exit-status '.mensaje | type == "string"' <<<"$answer" >/dev/null ||
  fail "that is not what examples/$slug answers"

say "Try it"
echo "URL:   $url"
echo "Token: $token"
echo
echo "curl -X POST $url -H 'Content-Type: application/json' -H 'X-Jelou-Token: $token' -d '$input'"

if [[ $once == 1 ]]; then
  say "Stopping"
  stop_server || fail "the server did not end well: exit status $?"
  echo "Done."
  exit 0
fi

say "Serving until Ctrl-C; the server's log is .demo/server.log"
status=0
wait "$server" || status=$?
server=
# Ctrl-C also ends the server.
((status != 130)) || exit 130
fail "the server ended by itself: exit status $status"
