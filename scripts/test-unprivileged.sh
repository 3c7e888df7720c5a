#!/usr/bin/env bash
# Runs the tests of the sandbox and of the binary as a user without any rights: the walls that root alone can build are
# missing then, and the others have to hold by themselves. Does nothing for who is such a user already.
#
#   scripts/test-unprivileged.sh ENGINE_DATA [arguments for the binary's tests]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ((EUID != 0)); then
  echo "You are no root: the tests have run without its rights already."
  exit
fi

engine=$1
shift
nobody=65534
target=${CARGO_TARGET_DIR:-$PWD/target}

# Nobody must get to the binaries, and may change nothing of them.
for folder in "$PWD" "$target"; do
  while [[ $folder != / ]]; do
    if [[ $(stat --format %A "$folder") != *[xt] ]]; then
      echo "error: other users cannot get through $folder" >&2
      echo "hint: build where they can (CARGO_TARGET_DIR)" >&2
      exit 1
    fi
    folder=$(dirname "$folder")
  done
done

# Of the whole workspace, for which they are built already: two packages alone have other features of what they depend on.
tests=$(cargo test --no-run --locked --workspace --message-format json |
  jq --raw-output 'select(.profile.test and .executable) |
    select((.manifest_path | endswith("/jelou-sandbox/Cargo.toml"))
      or (.manifest_path | endswith("/jelou/Cargo.toml")) and .target.kind == ["test"]) |
    "\(.manifest_path) \(.executable)"')

place=$(mktemp --directory --tmpdir jelou-unprivileged-XXXXXX)
trap 'rm -rf "$place"' EXIT
mkdir -p "$place/home" "$place/tmp" "$place/data/engine"
# Its own, so that tests can link to it.
cp "$engine"/engine/* "$place/data/engine/"
chown -R "$nobody:$nobody" "$place"

while read -r manifest binary; do
  arguments=("$@")
  if [[ $manifest == */jelou-sandbox/* ]]; then
    arguments=()
  fi
  (
    cd "$(dirname "$manifest")"
    env --ignore-environment PATH="$PATH" HOME="$place/home" TMPDIR="$place/tmp" JELOU_TEST_DATA="$place/data" \
      INSTA_UPDATE=no INSTA_WORKSPACE_ROOT="$OLDPWD" \
      setpriv --reuid "$nobody" --regid "$nobody" --clear-groups --no-new-privs "$binary" "${arguments[@]}" </dev/null
  )
done <<<"$tests"
