#!/usr/bin/env bash
# Makes a fixture of the stores as this version of the program writes them: a herd is taught a little of everything, stopped,
# and its two data files are compressed into Tests/HerdServicesTests/Fixtures/schema-N, beside the evaluations in them.
# Run it once for each schema version, before the version that follows it is built; tests then hold that every later
# program still reads them.
#
#   fixture.sh SCHEMA [FOLDER_OF_PROGRAMS]
set -euo pipefail
cd "$(dirname "$0")/../.."

[ $# -ge 1 ] || {
    echo "usage: fixture.sh SCHEMA [FOLDER_OF_PROGRAMS]" >&2
    exit 64
}
target=Tests/HerdServicesTests/Fixtures/schema-$1
bin=${2:-.build/release}
[ ! -e "$target" ] || {
    echo "fixture.sh: $target is there; a fixture is never made anew" >&2
    exit 73
}
folder=$(mktemp -d)
herdd=
trap '[ -z "$herdd" ] || kill "$herdd"; rm -rf "$folder"' EXIT

"$bin/herdd" all --data "$folder/data" --listen 127.0.0.1:0 --scorer-listen 127.0.0.1:0 --refiner-listen 127.0.0.1:0 \
    --ready-file "$folder/ready.json" --log-level error &
herdd=$!
for _ in $(seq 200); do
    [ -f "$folder/ready.json" ] && break
    sleep 0.05
done
HERD_ADDRESS=$(sed 's/.*"router":\["\([^"]*\)".*/\1/' "$folder/ready.json")
export HERD_ADDRESS

"$bin/herdctl" model add --file Demo/herd.yaml >/dev/null
"$bin/herdctl" policy set default --goal cost=100 --prompt-flags >/dev/null
# Every twentieth row has every task, and keeps the file small.
awk 'NR % 20 == 1' Demo/evaluations.jsonl >"$folder/rows.jsonl"
"$bin/herdctl" import "$folder/rows.jsonl" >/dev/null
"$bin/herdctl" train --promote --note "a fixture" >/dev/null
for _ in $(seq 200); do
    "$bin/herdctl" status --json | grep -q '"SERVING"' && break
    sleep 0.05
done
"$bin/herdctl" route "reverse lantern" --json >"$folder/decision.json"
decision=$(sed -n 's/.*"decision_id": *"\([^"]*\)".*/\1/p' "$folder/decision.json" | head -n 1)
"$bin/herdctl" feedback "$decision" 0.75 >/dev/null
kill "$herdd"
wait "$herdd"
herdd=

mkdir -p "$target"
for service in router scorer; do gzip -9 -n -c "$folder/data/$service/data.mdb" >"$target/$service.mdb.gz"; done
echo "$decision" >"$target/decision"
cp "$folder/rows.jsonl" "$target/evaluations.jsonl"
ls -l "$target"
