# shellcheck shell=bash
# Sourced by test scripts that need their own server, with JELOU and ENGINE_DATA as arguments. Changes to the script's
# folder, which must contain requirements.txt, starts the server and defines:
#
#   api         the server's URL
#   deploy      a function that deploys a folder and prints the token
#   python      Python with the packages of requirements.txt
#   deno        Deno of the engine
#   work        a temporary folder, removed at the end of the script

jelou=$(realpath "$1")
engine=$(realpath "$2/engine")
cd "$(dirname "${BASH_SOURCE[1]}")"
deno=$(compgen -G "$engine/deno-*" | head -n 1) || {
  echo "error: the engine is not in $engine" >&2
  echo "hint: run \`make engine\`" >&2
  exit 1
}
target=${CARGO_TARGET_DIR:-../../target}
mkdir -p "$target"
target=$(realpath "$target")
export DENO_DIR=${DENO_DIR:-$target/deno} DENO_NO_UPDATE_CHECK=1

venv=$target/$(basename "$PWD")-venv
python=$venv/bin/python
if ! cmp --silent requirements.txt "$venv/requirements.txt"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt
  cp requirements.txt "$venv/requirements.txt"
fi

work=$(mktemp -d)
# As root, the server runs its processes under other user ids, which must be able to enter this folder.
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

# Hides other settings from the server and the command line.
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

# The command uses the credentials of the profile `local`, which the server has written.
deploy() {
  local answer
  answer=$(HOME=$work/home "$jelou" deploy "$1" --function "$2" --create --no-confirm --json) || {
    echo "$answer" >&2
    return 1
  }
  sed -En 's/.*"token": ?"(jfn_rt_[0-9A-Za-z]+)".*/\1/p' <<<"$answer"
}
