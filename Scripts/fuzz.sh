#!/usr/bin/env bash
# Attacks the decoders with libFuzzer and the address sanitizer, each target for a while, two at a time.
#
# usage: fuzz.sh [--seconds N] [--message-seconds N] [--jobs N] [--minimise] [TARGET...]
#   --seconds N           how long each target is attacked (default 10); with --minimise 0 does no attack
#   --message-seconds N   the same for each target message.TYPE, of which there are more than a hundred, and which the
#                         target "message" attacks together (default: a sixtieth of --seconds, at least 1)
#   --jobs N              how many at a time (default: the number of cores)
#   --minimise            afterwards keep in Tests/Fuzz/Corpora what adds coverage, at most 4 KiB an input
#   TARGET                names or patterns such as 'message.*' (default: all)
#
# An input that finds something stays in Tests/Fuzz/Corpora/TARGET as finding-..., where make test replays it.
# The executions and seconds of each target add up in Tests/Fuzz/executions.tsv.
# Exit code: 0 nothing found, 1 something was.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=10
message_seconds=
jobs=$(nproc)
minimise=
patterns=()
while [ $# -gt 0 ]; do
    case "$1" in
    --seconds) seconds=$2 && shift ;;
    --message-seconds) message_seconds=$2 && shift ;;
    --jobs) jobs=$2 && shift ;;
    --minimise) minimise=1 ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 0 ;;
    -*) echo "fuzz.sh: unknown option '$1'; see --help" >&2 && exit 64 ;;
    *) patterns+=("$1") ;;
    esac
    shift
done
[[ $seconds =~ ^[0-9]+$ && $message_seconds =~ ^[0-9]*$ && $jobs =~ ^[1-9][0-9]*$ ]] || {
    echo "fuzz.sh: --seconds, --message-seconds and --jobs take whole numbers" >&2
    exit 64
}
[ -n "$message_seconds" ] || message_seconds=$(((seconds + 59) / 60))
[ ${#patterns[@]} -gt 0 ] || patterns=('*')

# lld keeps the coverage tables, which gold drops. Dead code is stripped by neither: the tables would go with it.
flags=(-c release --sanitize=fuzzer --sanitize=address -Xswiftc -use-ld=lld --scratch-path .build/fuzz)
log=.build/fuzz-build.log
mkdir -p .build
swift build "${flags[@]}" --product herd-fuzz >"$log" 2>&1 || {
    cat "$log" >&2
    exit 70
}
fuzzer=$(swift build "${flags[@]}" --show-bin-path)/herd-fuzz
corpora=Tests/Fuzz/Corpora
work=.build/fuzz-corpora
totals=Tests/Fuzz/executions.tsv

targets=()
for folder in "$corpora"/*/; do
    name=$(basename "$folder")
    for pattern in "${patterns[@]}"; do
        # shellcheck disable=SC2053 # the pattern is meant as one
        [[ $name == $pattern ]] && targets+=("$name") && break
    done
done
[ ${#targets[@]} -gt 0 ] || {
    echo "fuzz.sh: no target is called ${patterns[*]}; there are: $(ls "$corpora")" >&2
    exit 64
}

# shellcheck disable=SC2317 # called by way of xargs
# Attacks one target; prints a line; leaves what it found in the corpus and its executions in a file.
attack() {
    local name=$1 out executions verdict time=$seconds took
    [[ $name != message.* ]] || time=$message_seconds
    mkdir -p "$work/$name"
    out=$work/$name.log
    verdict=clean
    # The runtime's own backtraces would take seconds and ask for input. The sanitizer keeps every stack that memory was
    # ever allocated on, and of a task's no two are the same: with whole ones that grows until it is taken for a leak.
    SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:malloc_context_size=3 "$fuzzer" "--target=$name" "-max_total_time=$time" \
        -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 "-artifact_prefix=$corpora/$name/finding-" \
        "$work/$name" "$corpora/$name" >"$out" 2>&1 </dev/null || verdict="FOUND something, see $out"
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out")
    took=$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$out")
    echo "$name ${executions:-0} ${took:-0}" >"$work/$name.count"
    printf '%-48s %12s executions  %s\n' "$name" "${executions:-0}" "$verdict"
    [ "$verdict" = clean ]
}

minimise() {
    local name=$1 kept
    kept=$(mktemp -d)
    SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 "$fuzzer" "--target=$name" -set_cover_merge=1 -max_len=4096 \
        "$kept" "$corpora/$name" "$work/$name" >/dev/null 2>&1 </dev/null
    find "$corpora/$name" -type f ! -name 'finding-*' -delete
    find "$kept" -type f -exec cp -t "$corpora/$name" {} +
    rm -rf "$kept"
}

add_executions() {
    local name
    touch "$totals"
    for name in "${targets[@]}"; do
        cat "$work/$name.count"
    done | awk -F '[ \t]' '
        $1 != "target" { executions[$1] += $2; seconds[$1] += $3 }
        END { for (name in executions) printf "%s\t%.0f\t%.0f\n", name, executions[name], seconds[name] }' \
        "$totals" - | LC_ALL=C sort >"$totals.new"
    { printf 'target\texecutions\tseconds\n' && cat "$totals.new"; } >"$totals"
    rm "$totals.new"
}

status=0
if [ "$seconds" -gt 0 ]; then
    export -f attack
    export fuzzer corpora work seconds message_seconds
    printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'attack {}' || status=1
    add_executions
fi
if [ -n "$minimise" ]; then
    for name in "${targets[@]}"; do
        mkdir -p "$work/$name"
        minimise "$name"
    done
fi
exit $status
