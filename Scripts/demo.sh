#!/usr/bin/env bash
# The main job, shown: serves seven small language models, starts a herd on a fresh data folder, evaluates the models, trains
# a predictor on that, routes, completes and refines prompts, and measures the herd on prompts that nothing was trained on.
#
#   demo.sh        run it; herd and models are left running
#   demo.sh stop   stop what an earlier run left
#
# HERD_BIN names another folder of the programs than .build/release.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=run
bin=${HERD_BIN:-.build/release}
# How models are asked: as they were recorded.
answers=(--temperature 0 --seed 0 --max-tokens 24)
# shellcheck source=/dev/null
. Scripts/demo/processes.sh

stop() {
    stop_process herd
    stop_process servers
}

# What a run that fails or is interrupted leaves is stopped.
tidy() {
    [ -n "$finished" ] || stop
}

say() {
    printf '\n\033[1m%s\033[0m\n' "$*"
}

# Prints a command of herdctl as a person would type it.
typed() {
    local word
    printf '$ herdctl'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9._/=:-]*) printf ' %s' "${word@Q}" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
}

# Prints a command and runs it.
show() {
    typed "$@"
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
finished=
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
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
typed model add --file "$folder/herd.yaml"
"$bin/herdctl" model add --file "$folder/herd.yaml" >/dev/null
show model list

if [ -n "$live" ]; then
    say "3. Evaluating every model on the suite (Demo/suite.jsonl)"
    echo "A twentieth of it with one round of refinement, to learn what that brings."
    awk 'NR % 20 == 1' Demo/suite.jsonl >"$folder/refined.jsonl"
    show evaluate "$folder/refined.jsonl" --name suite --rounds 1 "${answers[@]}"
    show evaluate Demo/suite.jsonl "${answers[@]}"
else
    say "3. Importing what these models answered when they were recorded (Demo/evaluations.jsonl)"
    show import Demo/evaluations.jsonl
fi

say "4. Training a predictor on that and putting it in force"
show train --promote
show policy set default --goal cost=100 --prompt-flags
# The router follows the scorer's version within moments; the first decisions wait for it.
for _ in $(seq 100); do
    "$bin/herdctl" status | grep -q 'state: SERVING' && break
    sleep 0.05
done

say "5. Routing a dozen prompts (Demo/prompts.txt)"
while IFS= read -r prompt; do
    printf '\n> %s\n' "$prompt"
    "$bin/herdctl" route "$prompt" --explain | head -n 6
done <Demo/prompts.txt

if [ -n "$live" ]; then
    say "6. Having the herd answer"
    while IFS= read -r prompt; do show complete "$prompt" "${answers[@]}"; done < <(head -n 6 Demo/prompts.txt)

    say "7. Refining an answer: draft, critique, rewrite"
    echo "Models of this size cannot criticise; the reference shows it, and the better answer, the draft, is given."
    show refine 'write "bellwether" in capitals' --rounds 1 --grader exact --reference BELLWETHER "${answers[@]}"
fi

say "8. Ranking the models by PeRFICS"
# Of the tables, the one over all tasks.
show perfics --svg "$folder/perfics.svg" | awk '/^task /{ exit_at = 1 } !exit_at'

say "9. The herd's claim, measured on prompts that neither models nor herd were trained on (Demo/heldout.jsonl)"
if [ -n "$live" ]; then
    claim=(.venv/bin/python Demo/claim.py --servers "$folder/servers.json")
else
    claim=(python3 Demo/claim.py --recorded)
fi
# 1: the claim does not hold. What was started can still be looked at, but the run does not pass for a good one.
status=0
"${claim[@]}" --herdctl "$bin/herdctl" || status=$?
[ "$status" -le 1 ] || exit "$status"

finished=yes
say "Done in $(($(date +%s) - started)) s. The herd is still running."
ask="route 'reverse sheep' --explain"
[ -z "$live" ] || ask="complete 'reverse sheep'"
echo "  ask it:   HERD_ADDRESS=$HERD_ADDRESS $bin/herdctl $ask"
echo "  look:     HERD_ADDRESS=$HERD_ADDRESS $bin/herdctl status"
echo "  stop it:  make stop"
[ "$status" -eq 0 ]
