#!/usr/bin/env bash
# Sends a deployed function requests that its OpenAPI document allows, and many that it does not, and compares the
# responses with the document.
#
#   tests/http/schemathesis.sh JELOU ENGINE_DATA
#
#   JELOU        the binary
#   ENGINE_DATA  data folder that the engine was installed into
#
# EXAMPLES (50) is the number of generated requests for each operation, SEED the seed of the generator.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../with-server.sh"

token=$(deploy fixture shop)
cd "$work"
NO_PROXY='*' "$venv/bin/schemathesis" run "$api/fn/shop/openapi.json" \
  --url "$api/fn/shop" --header "X-Jelou-Token: $token" \
  --checks all --max-examples "${EXAMPLES:-50}" --seed "${SEED:-1}" --no-color
