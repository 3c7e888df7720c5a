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
source "$(dirname "${BASH_SOURCE[0]}")/../with-server.sh"

token=$(deploy fixture shop)
cd "$work"
NO_PROXY='*' "$venv/bin/schemathesis" run "$api/fn/shop/openapi.json" \
  --url "$api/fn/shop" --header "X-Jelou-Token: $token" \
  --checks all --max-examples "${EXAMPLES:-50}" --seed "${SEED:-1}" --no-color
