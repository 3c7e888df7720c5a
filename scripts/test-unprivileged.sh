#!/usr/bin/env bash
# Runs the tests of the sandbox and of the binary as an unprivileged user. Then the layers that only root can set up are
# missing, and the other layers must be sufficient. Does nothing if the caller is not root.
#
#   scripts/test-unprivileged.sh ENGINE_DATA [arguments for the tests of the binary]
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

# The user `nobody` must be able to reach the binaries in these folders.
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

# Builds the tests of the whole workspace, as `make test` does. For single packages, cargo would build the dependencies
# again with other features.
tests=$(cargo test --no-run --locked --workspace --message-format json |
  jq --raw-output 'select(.profile.test and .executable) |
    select((.manifest_path | endswith("/jelou-sandbox/Cargo.toml"))
      or (.manifest_path | endswith("/jelou/Cargo.toml")) and .target.kind == ["test"]) |
    "\(.manifest_path) \(.executable)"')

place=$(mktemp --directory --tmpdir jelou-unprivileged-XXXXXX)
trap 'rm -rf "$place"' EXIT
mkdir -p "$place/home" "$place/tmp" "$place/data/engine"
# A copy whose owner is `nobody`, so that tests can link to it.
cp "$engine"/engine/* "$place/data/engine/"
chown -R "$nobody:$nobody" "$place"

# Variables to reach the npm registry, and the variable for long tests.
kept=()
for name in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy NPM_CONFIG_REGISTRY SSL_CERT_FILE JELOU_SOAK; do
  [[ -z ${!name:-} ]] || kept+=("$name=${!name}")
done

while read -r manifest binary; do
  arguments=("$@")
  if [[ $manifest == */jelou-sandbox/* ]]; then
    arguments=()
  fi
  (
    cd "$(dirname "$manifest")"
    env --ignore-environment PATH="$PATH" HOME="$place/home" TMPDIR="$place/tmp" JELOU_TEST_DATA="$place/data" \
      INSTA_UPDATE=no INSTA_WORKSPACE_ROOT="$OLDPWD" "${kept[@]}" \
      setpriv --reuid "$nobody" --regid "$nobody" --clear-groups --no-new-privs "$binary" "${arguments[@]}" </dev/null
  )
done <<<"$tests"
