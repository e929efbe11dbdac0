# shellcheck shell=bash
# Starting and stopping what the demonstration leaves running; sourced, with `folder` set to where its files are.
: "${folder:?the folder of the files}"

# start_process NAME PROGRAM [ARGUMENT ...]: in the background, its output in $folder/NAME.log, its id in $folder/NAME.pid.
start_process() {
    local name=$1
    shift
    nohup "$@" >"$folder/$name.log" 2>&1 </dev/null &
    # With the time it was started at: process ids are used again.
    echo "$! $(started_at $!)" >"$folder/$name.pid"
}

# When a process was started, in clock ticks since the machine was; empty for one that is gone.
started_at() {
    # The second field, the name in brackets, may hold anything.
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# is_running NAME: whether the process that was started under the name still runs.
is_running() {
    local pid started
    [ -f "$folder/$1.pid" ] || return 1
    read -r pid started <"$folder/$1.pid" || return 1
    [ -n "$started" ] && [ "$(started_at "$pid")" = "$started" ] && ! grep -q '^State:\sZ' "/proc/$pid/status" 2>/dev/null
}

# stop_process NAME: asks it to end, and makes it after fifteen seconds.
stop_process() {
    local pid
    if is_running "$1"; then
        read -r pid _ <"$folder/$1.pid"
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 150); do
            is_running "$1" || break
            sleep 0.1
        done
        ! is_running "$1" || kill -KILL "$pid" 2>/dev/null || true
    fi
    rm -f "$folder/$1.pid"
}

# wait_for NAME FILE: until the process has written the file; shows its log and fails if it ends before, or after a minute.
wait_for() {
    for _ in $(seq 1200); do
        [ ! -f "$2" ] || return 0
        is_running "$1" || break
        sleep 0.05
    done
    echo "demo.sh: $1 did not get ready; its log:" >&2
    tail -n 20 "$folder/$1.log" >&2
    return 1
}
