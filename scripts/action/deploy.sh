#!/usr/bin/env bash
# Deploys the function of the working directory. Inputs are in variables, so that no input is read as shell code.
set -euo pipefail

arguments=(--no-confirm --json)
if [ -n "${INPUT_FUNCTION:-}" ]; then
  arguments+=(--function "$INPUT_FUNCTION")
fi
if [ -n "${INPUT_PREVIEW:-}" ]; then
  arguments+=(--preview "$INPUT_PREVIEW")
elif [ -n "${INPUT_TOKEN_OUTPUT:-}" ]; then
  arguments+=(--token-output "$INPUT_TOKEN_OUTPUT")
else
  arguments+=(--no-token)
fi
read -ra more <<< "${INPUT_ARGUMENTS:-}"

answer=$(jelou deploy "${arguments[@]}" "${more[@]}") || {
  status=$?
  printf '%s\n' "$answer" >&2
  exit "$status"
}
printf '%s\n' "$answer"
{
  printf 'deployment=%s\n' "$(jq -er '.data.deploymentId' <<< "$answer")"
  printf 'url=%s\n' "$(jq -er '.data.preview.url // .data.url' <<< "$answer")"
} >> "$GITHUB_OUTPUT"
