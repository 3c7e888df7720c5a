#!/usr/bin/env bash
# Verifies the identity token of a function with jose.
#
#   tests/http/identity.sh JELOU ENGINE_DATA
#
#   JELOU        the binary
#   ENGINE_DATA  the data folder with the installed engine
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../with-server.sh"

audience=https://orders.example.com
token=$(deploy identity caller)
identity=$(curl --silent --fail --noproxy '*' --header "X-Jelou-Token: $token" "$api/fn/caller/?audience=$audience" | tr -d '"')
"$deno" run --frozen --quiet --allow-net=127.0.0.1 identity.ts "$api" "$identity" "$audience"
