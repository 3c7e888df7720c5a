#!/usr/bin/env bash
# Puts jelou on the PATH of the job's next steps. Builds it from the action's own files, unless the runner has it.
set -euo pipefail

if command -v jelou > /dev/null; then
  exit 0
fi
if [ ! -x "$JELOU_ROOT/bin/jelou" ]; then
  cargo install --locked --path "$GITHUB_ACTION_PATH/crates/jelou" --root "$JELOU_ROOT"
fi
echo "$JELOU_ROOT/bin" >> "$GITHUB_PATH"
