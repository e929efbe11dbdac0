#!/usr/bin/env bash
# The main job, shown: starts a herd on a fresh data folder, registers the demonstration models, imports their recorded
# evaluations, trains and promotes a predictor, routes a dozen prompts and says why each went where it went.
#
#   demo.sh        run it; the herd is left running
#   demo.sh stop   stop the herd that an earlier run left
set -euo pipefail
cd "$(dirname "$0")/.."

folder=run
bin=.build/release

stop() {
    local pid
    [ -f "$folder/herdd.pid" ] || return 0
    pid=$(cat "$folder/herdd.pid")
    # Only a process that is still the herd's: process ids are used again.
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = herdd ]; then
        kill "$pid"
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    fi
    rm -f "$folder/herdd.pid"
}

say() {
    printf '\n\033[1m%s\033[0m\n' "$*"
}

case "${1:-run}" in
run) ;;
stop)
    stop
    echo "The herd is stopped."
    exit 0
    ;;
*)
    echo "demo.sh: unknown argument '$1'; use nothing or stop" >&2
    exit 64
    ;;
esac

started=$(date +%s)
stop
rm -rf "$folder"
mkdir -p "$folder"

say "1. Starting router and scorer on a fresh folder"
"$bin/herdd" all --data "$folder/data" --listen 127.0.0.1:0 --scorer-listen 127.0.0.1:0 --refiner-listen 127.0.0.1:0 \
    --ready-file "$folder/ready.json" 2>"$folder/herdd.log" &
echo $! >"$folder/herdd.pid"
for _ in $(seq 200); do
    [ -f "$folder/ready.json" ] && break
    kill -0 "$(cat "$folder/herdd.pid")" 2>/dev/null || {
        cat "$folder/herdd.log" >&2
        exit 1
    }
    sleep 0.05
done
HERD_ADDRESS=$(sed 's/.*"router":\["\([^"]*\)".*/\1/' "$folder/ready.json")
export HERD_ADDRESS
echo "router at $HERD_ADDRESS, log in $folder/herdd.log"

say "2. Registering the demonstration herd (Demo/herd.yaml)"
"$bin/herdctl" model add --file Demo/herd.yaml >/dev/null
"$bin/herdctl" model list

say "3. Importing what these models really answered (Demo/evaluations.jsonl)"
"$bin/herdctl" import Demo/evaluations.jsonl

say "4. Training a predictor and putting it in force"
"$bin/herdctl" train --promote
"$bin/herdctl" policy set default --goal cost=100 --prompt-flags

say "5. Routing a dozen prompts"
# The router follows the scorer's version within moments; the first decisions wait for it.
for _ in $(seq 100); do
    "$bin/herdctl" status | grep -q 'state: SERVING' && break
    sleep 0.05
done
while IFS= read -r prompt; do
    printf '\n> %s\n' "$prompt"
    "$bin/herdctl" route "$prompt" --explain | head -n 6
done <Demo/prompts.txt

say "Done in $(($(date +%s) - started)) s. The herd is still running."
echo "  ask it:   HERD_ADDRESS=$HERD_ADDRESS $bin/herdctl route 'reverse sheep' --explain"
echo "  look:     HERD_ADDRESS=$HERD_ADDRESS $bin/herdctl status"
echo "  stop it:  make stop"
