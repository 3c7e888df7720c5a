#!/usr/bin/env bash
# Checks `GET /metrics` of a server with Prometheus's own parser.
#
#   tests/http/metrics.sh JELOU ENGINE_DATA
#
#   JELOU        the binary
#   ENGINE_DATA  the data folder with the installed engine
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../with-server.sh"

token=$(deploy fixture shop)
curl --silent --noproxy '*' --header "X-Jelou-Token: $token" "$api/fn/shop/__nothing" >/dev/null
curl --silent --noproxy '*' --fail "$api/metrics" >"$work/metrics"
"$python" - "$work/metrics" <<'PYTHON'
import sys

from prometheus_client.parser import text_string_to_metric_families

families = {family.name: family for family in text_string_to_metric_families(open(sys.argv[1]).read())}
calls = {sample.labels["class"]: sample.value for sample in families["jelou_calls"].samples}
assert calls["4xx"] == 1, calls
durations = families["jelou_call_duration_seconds"]
assert durations.type == "histogram", durations.type
buckets = [sample for sample in durations.samples if sample.name.endswith("_bucket")]
bounds = [float(sample.labels["le"]) for sample in buckets]
counts = [sample.value for sample in buckets]
assert bounds == sorted(bounds) and bounds[-1] == float("inf"), bounds
assert counts == sorted(counts) and counts[-1] == 1, counts
untyped = [name for name, family in families.items() if family.type == "unknown" or not family.documentation]
assert not untyped, untyped
print(f"{len(families)} families of metrics are valid")
PYTHON
