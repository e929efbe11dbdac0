#!/usr/bin/env bash
# The main job, shown: serves seven small language models, starts a herd on a fresh data folder, evaluates the models, trains
# a predictor on that, routes, completes and refines prompts, and measures the herd on prompts that nothing was trained on.
#
#   demo.sh        run it; herd and models are left running
#   demo.sh stop   stop what an earlier run left
set -euo pipefail
cd "$(dirname "$0")/.."

folder=run
bin=.build/release
# shellcheck source=Scripts/demo/processes.sh
. Scripts/demo/processes.sh

stop() {
    stop_process herd
    stop_process servers
}

# What a run that fails or is interrupted leaves is stopped.
tidy() {
    local status=$?
    [ "$status" -eq 0 ] || stop
    exit "$status"
}

say() {
    printf '\n\033[1m%s\033[0m\n' "$*"
}

# Prints a command as a person would type it, and runs it.
show() {
    printf '$ herdctl'
    printf ' %q' "$@"
    printf '\n'
    "$bin/herdctl" "$@"
}

case "${1:-run}" in
run) ;;
stop)
    stop
    echo "The herd and its models are stopped."
    exit 0
    ;;
*)
    echo "demo.sh: unknown argument '$1'; use nothing or stop" >&2
    exit 64
    ;;
esac

started=$(date +%s)
stop
trap tidy EXIT
rm -rf "$folder"
mkdir -p "$folder"

live=yes
.venv/bin/python -c 'import xllamacpp' 2>/dev/null || live=

if [ -n "$live" ]; then
    say "1. Serving seven models with llama.cpp, and starting router, scorer and refiner"
    start_process servers .venv/bin/python Demo/serve.py --ports-file "$folder/servers.json" \
        --herd-out "$folder/herd.yaml"
    wait_for servers "$folder/servers.json"
    cat "$folder/servers.log"
else
    say "1. Starting router, scorer and refiner"
    echo "llama.cpp is not there, since PyPI could not be reached: shown is what the models answered when they were"
    echo "recorded (Demo/README.md). With PyPI, Scripts/install.sh and make run show it live."
    cp Demo/herd.yaml "$folder/herd.yaml"
fi
start_process herd "$bin/herdd" all --data "$folder/data" --listen 127.0.0.1:0 --scorer-listen 127.0.0.1:0 \
    --refiner-listen 127.0.0.1:0 --ready-file "$folder/ready.json"
wait_for herd "$folder/ready.json"
HERD_ADDRESS=$(sed 's/.*"router":\["\([^"]*\)".*/\1/' "$folder/ready.json")
export HERD_ADDRESS
echo "router at $HERD_ADDRESS, log in $folder/herd.log"

say "2. Registering the herd"
show model add --file "$folder/herd.yaml" >"$folder/added.txt"
head -n 1 "$folder/added.txt"
"$bin/herdctl" model list
