#!/usr/bin/env bash
# Writes the pages of docs/reference that are made from the product itself, or compares them with what is there.
#
#   scripts/docs.sh JELOU DENO [--check]
#
# Runs without a network, but for the packages of sdk/deno.json where they are not there yet.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

jelou=$1
deno=$2
mode=${3:-}
pages=docs/reference
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# The command line, from its own description of itself.
"$jelou" --describe | jq --raw-output '
  # For a table: no bars, no line breaks.
  def cell: (. // "") | gsub("\\|"; "\\|") | gsub("\\s*\n\\s*"; " ");
  def spelled:
    if .kind == "positional" then "`<\(.valueName)>`"
    else (.flags | map("`\(.)`") | join(", ")) + (if .kind == "option" then " `<\(.valueName)>`" else "" end)
    end;
  def notes: [
      (if .required then "required" else empty end),
      (if .repeatable then "repeatable" else empty end),
      (if .possibleValues then "one of " + (.possibleValues | map("`\(.)`") | join(", ")) else empty end),
      (if .default then "default `\(.default)`" else empty end),
      (if .env then "environment: `\(.env)`" else empty end)
    ] | join("; ");
  def table:
    "| argument | meaning | |", "|---|---|---|",
    (.[] | "| \(spelled) | \(.about | cell) | \(notes) |");
  def nameless: del(.. | .name?);
  # `jelou functions deploy` is `jelou deploy` by another name: a line, not a section.
  def command($root):
    (.name | ltrimstr("jelou functions ")) as $short
    | ([$root.subcommands[] | select(.name == "jelou \($short)")] | first) as $same
    | if $same != null and .name != $same.name and nameless == ($same | nameless) then
        "", "## `\(.name)`", "", "The same as `\($same.name)`."
      elif (.subcommands | length) == 0 then
        "", "## `\(.name)`", "", "\(.about | rtrimstr(".") | sub("\n\n"; ".\n\n")).", "",
        (if (.args | length) > 0 then (.args | table) else "Takes no arguments of its own." end)
      else (.subcommands[] | command($root)) end;
  "# Command line",
  "",
  "<!-- Made by `make docs` from `jelou --describe`. -->",
  "",
  "\(.about). `jelou <command> --help` says the same in a terminal, `--describe` as JSON.",
  "",
  "## Everywhere",
  "",
  (.args | table),
  (. as $root | .subcommands[] | command($root))
' >"$made/cli.md"

# The configuration, from the commented defaults that the server embeds.
{
  cat <<'PAGE'
# Configuration of `jelou serve`

<!-- Made by `make docs` from crates/jelou-server/src/default.toml. -->

```toml
PAGE
  cat crates/jelou-server/src/default.toml
  cat <<'PAGE'
```

## In the environment alone

| variable | |
|---|---|
| `JELOU_LOG` | what is logged, on stderr: a level, or directives such as `info,function=debug`. Default: `info` |
| `JELOU_MASTER_KEY` | the key of the secrets, 32 bytes in base64 or hexadecimal, in place of the file `master.key` |
| `JELOU_DENO` | the path of the Deno that is used, whatever its version, in place of the one that is fetched |

For every command, `JELOU_FORCE_HUMAN_OUTPUT=1` is what `--human` is.
PAGE
} >"$made/configuration.md"

# The SDK, from its doc comments.
(
  cd sdk
  # Every public symbol is documented. Zod's thousands are not ours: so not the entry point, which exports them too, but
  # the files that it exports from.
  files=$(grep -oE 'from "\./[^"]+"' src/functions.ts | grep -v zod | sed -E 's|from "\./(.*)"|src/\1|')
  # shellcheck disable=SC2086 -- a list of words
  "$deno" doc --lint --quiet $files src/testing.ts >/dev/null
  "$deno" run --quiet -A build/reference.ts "$made"
)

if [[ $mode == --check ]]; then
  for page in "$made"/*; do
    diff --unified "$pages/${page##*/}" "$page" || {
      echo "error: $pages/${page##*/} is not up to date" >&2
      echo "hint: run \`make docs\` and commit the result" >&2
      exit 1
    }
  done
else
  mkdir -p "$pages"
  cp "$made"/* "$pages/"
fi
