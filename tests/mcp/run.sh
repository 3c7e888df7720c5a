#!/usr/bin/env bash
# Tests MCP and OpenAPI of deployed functions with third-party tools: the conformance suite, the official clients for
# TypeScript and Python (also with random schemas), and a validator of OpenAPI documents.
#
#   tests/mcp/run.sh JELOU ENGINE_DATA
#
#   JELOU        the binary
#   ENGINE_DATA  the data folder with the installed engine
#
# SEED (1) is the seed of the random schemas, SCHEMAS (60) is their number.
#
# npm and pip install the packages in the versions of deno.json and requirements.txt. The npm packages are in
# node_modules, because Deno 2.9.6 hangs when it starts the conformance suite from a cache in which CommonJS modules
# have not been analysed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../with-server.sh"

deploy fixture conformance >/dev/null
deploy ../../examples/mi-funcion private >/dev/null
token=$(deploy tools tools)
"$deno" install --frozen --quiet
seed=${SEED:-1}
"$deno" run --cached-only --frozen -A schemas/generate.ts "$work/schemas" "$seed" "${SCHEMAS:-60}"
cp tools/deno.json "$work/schemas/"
schemas_token=$(deploy "$work/schemas" schemas)
schemas=("$api/fn/schemas/mcp" "$schemas_token")
clients=("$api/fn/tools/mcp" "$token" "$api/fn/private/mcp")

"$deno" run --cached-only --frozen -A conformance.ts "$api/fn/conformance/mcp"
"$deno" run --cached-only --frozen -A clients/typescript.ts "${clients[@]}"
"$python" clients/python.py "${clients[@]}"
"$deno" run --cached-only --frozen -A clients/schemas.ts "${schemas[@]}" "$seed" "$work/cases.json"
"$python" clients/schemas.py "${schemas[@]}" "$work/cases.json"
"$python" openapi.py "$api"/fn/{conformance,private,schemas,tools}/openapi.json
