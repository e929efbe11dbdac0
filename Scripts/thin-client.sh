#!/usr/bin/env bash
# Builds Examples/thin-client, which depends on Herd with `traits: []`, and holds it to what that promises: of packages
# only swift-nio and swift-log are fetched (and the three that swift-nio brings), and Foundation is not linked.
# With an address it then asks the server there for its health: Scripts/thin-client.sh 127.0.0.1:7601
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=.build/thin-client
allowed="swift-atomics swift-collections swift-log swift-nio swift-system"

start=$(date +%s)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! swift build --package-path Examples/thin-client --scratch-path "$scratch" >"$log" 2>&1; then
    cat "$log" >&2
    echo "thin-client: it does not build" >&2
    exit 1
fi
echo "thin-client: built in $(($(date +%s) - start)) s"

fetched=$(sed -n 's|.*"location" : "https://.*/\([^/"]*\)".*|\1|p' "$scratch/workspace-state.json" |
    sed 's|\.git$||' | sort -u)
for package in $fetched; do
    if [[ " $allowed " != *" $package "* ]]; then
        echo "thin-client: $package was fetched; a client with 'traits: []' needs only: $allowed" >&2
        exit 1
    fi
done
for package in swift-nio swift-log; do
    if ! grep -qx "$package" <<<"$fetched"; then
        echo "thin-client: $package is not in $scratch/workspace-state.json; is that file read rightly?" >&2
        exit 1
    fi
done

program=$scratch/debug/thin-client
libraries=$(readelf --dynamic "$program" | sed -n 's|.*(NEEDED).*\[\(.*\)\]|\1|p')
if grep -qi foundation <<<"$libraries"; then
    echo "thin-client: it links $(grep -i foundation <<<"$libraries" | tr '\n' ' ')" >&2
    exit 1
fi
# How the names of what is Foundation's own begin.
symbols=$(nm "$program" | grep -Ec '[$]s(10Foundation|20FoundationEssentials)' || true)
if [[ $symbols != 0 ]]; then
    echo "thin-client: it holds symbols of Foundation" >&2
    exit 1
fi
echo "thin-client: fetched $(tr '\n' ' ' <<<"$fetched")"
echo "thin-client: no Foundation among $(tr '\n' ' ' <<<"$libraries")"

if [[ $# -gt 0 ]]; then
    "$program" "$@"
fi
