#!/usr/bin/env bash
# Prints the figures of README's table: backtests on the evaluation data beside this repository (or in
# HERD_SHARED_DATA), five folds, the mean over seeds 1 to 3; import and training through a fresh herd; and the time of a
# prediction in process. Needs `make build` and jq's stand-in, python3.
set -euo pipefail
cd "$(dirname "$0")/.."

data=${HERD_SHARED_DATA:-../shared/data}
bin=.build/release
scratch=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon"; rm -rf "$scratch"' EXIT
[ -d "$data" ] || {
    echo "measure.sh: no evaluation data in $data; name its folder in HERD_SHARED_DATA" >&2
    exit 66
}

# backtest NAME OPTIONS...: one JSON report a seed.
backtest() {
    local name=$1 seed
    shift
    for seed in 1 2 3; do
        "$bin/herdctl" backtest --data "$data/$name.jsonl.gz" --folds 5 --seed "$seed" --json "$@" 2>/dev/null \
            >"$scratch/$name.$seed.json"
    done
}

open_models=WizardLM/WizardLM-13B-V1.2,meta/code-llama-instruct-34b-chat,meta/llama-2-70b-chat
open_models+=,mistralai/mistral-7b-chat,mistralai/mixtral-8x7b-chat,zero-one-ai/Yi-34B-Chat
backtest routerdc_train
backtest llmrouter_train
backtest routellm_mmlu_dev
backtest routerbench0_train --herd "$open_models" --reference gpt-3.5-turbo-1106 --models Config/herds/routerbench.yaml
python3 - "$scratch" <<'PYTHON'
import json, statistics, sys

def reports(name):
    return [json.load(open(f"{sys.argv[1]}/{name}.{seed}.json")) for seed in (1, 2, 3)]

def row(what, name, pick, digits):
    values = [pick(report) for report in reports(name)]
    each = ", ".join(f"{value:.{digits}f}" for value in values)
    print(f"{what:58} {statistics.mean(values):8.{digits}f}   ({each})")

row("routerdc_train, macro routed %", "routerdc_train", lambda r: r["macro"]["routed"], 2)
row("  best single model %", "routerdc_train", lambda r: r["macro"]["best_single"], 2)
row("  task label given %", "routerdc_train", lambda r: r["macro"]["task_label"], 2)
row("llmrouter_train, micro routed %", "llmrouter_train", lambda r: r["micro"]["routed"], 2)
row("  best single model %", "llmrouter_train", lambda r: r["micro"]["best_single"], 2)
row("routellm_mmlu_dev, APGR", "routellm_mmlu_dev", lambda r: r["pair"]["apgr"], 3)
row("  CPT50", "routellm_mmlu_dev", lambda r: r["pair"]["cpt50"], 3)
bench = "routerbench0_train"
row("routerbench0_train, herd above gpt-3.5, points", bench,
    lambda r: r["reference"]["herd_accuracy"] - r["reference"]["accuracy"], 2)
row("  router right where gpt-3.5 fails", bench, lambda r: r["reference"]["router_right"], 3)
row("  mean parameters, B", bench, lambda r: r["reference"]["mean_parameters_b"], 1)
for name in ("routerdc_train", "llmrouter_train", "routellm_mmlu_dev", bench):
    row(f"{name}, ECE", name, lambda r: r["calibration"]["ece"], 4)
row("training 4/5 of routerdc_train x 7 models, s", "routerdc_train", lambda r: r["timings"]["train_seconds"], 2)
row("prediction in process (routerdc_train), us", "routerdc_train", lambda r: r["timings"]["predict_us"], 2)
PYTHON

# All eleven models of RouterBench.
"$bin/herdctl" backtest --data "$data/routerbench0_train.jsonl.gz" --folds 2 --json 2>/dev/null | python3 -c '
import json, sys
report = json.load(sys.stdin)
embed = report["timings"]["embed_seconds"] / report["rows"] * 1e6
print("{:58} {:8.2f}".format("embedding in process (routerbench0_train, per row), us", embed))
print("{:58} {:8.2f}".format("prediction in process (11 models), us", report["timings"]["predict_us"]))'

"$bin/herdd" all --data "$scratch/data" --listen 127.0.0.1:0 --scorer-listen 127.0.0.1:0 --refiner-listen 127.0.0.1:0 \
    --ready-file "$scratch/ready.json" --log-level error &
daemon=$!
until [ -f "$scratch/ready.json" ]; do sleep 0.02; done
HERD_ADDRESS=$(sed 's/.*"router":\["\([^"]*\)".*/\1/' "$scratch/ready.json")
export HERD_ADDRESS
seconds() {
    local start end
    start=$(date +%s%N)
    "${@:2}" >/dev/null
    end=$(date +%s%N)
    printf '%-58s %5d.%02d\n' "$1" $(((end - start) / 1000000000)) $(((end - start) % 1000000000 / 10000000))
}
seconds "import of routerdc_train (5,935 rows), s" "$bin/herdctl" import "$data/routerdc_train.jsonl.gz"
seconds "training on it (7 models, cross-validation included), s" "$bin/herdctl" train --promote
