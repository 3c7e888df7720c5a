#!/usr/bin/env bash
# Tests a deployed function with requests that its OpenAPI document allows, and with many that it does not allow.
# Compares the responses with the document.
#
#   tests/http/schemathesis.sh JELOU ENGINE_DATA
#
#   JELOU        the binary
#   ENGINE_DATA  the data folder with the installed engine
#
# EXAMPLES (50) is the number of generated requests per operation. SEED (1) is the seed of the generator.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../with-server.sh"

token=$(deploy fixture shop)
cd "$work"
NO_PROXY='*' "$venv/bin/schemathesis" run "$api/fn/shop/openapi.json" \
  --url "$api/fn/shop" --header "X-Jelou-Token: $token" \
  --checks all --max-examples "${EXAMPLES:-50}" --seed "${SEED:-1}" --no-color
