#!/usr/bin/env python3
"""Measures what a second event loop brings: cached Route and Health over 16 connections, on one loop and on two.

Where the machine has four cores or more, server and load have cores of their own and the throughput is what it is. With
fewer they share them; then it is computed: as many requests as two loops answer in a second of their own processor
time, were each to have a core. The share of the busier loop says how evenly the connections are spread.
"""

import argparse
import os
import pathlib
import statistics
import sys

import servers

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONNECTIONS, IN_FLIGHT = 16, 16


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default 3)")
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement (default 2)")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / ".build/release", help="folder of herdd and herd-load")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be over 0")
    return options


def loop_times(pid):
    """Seconds of processor time of each thread that is an event loop, by proc(5)."""
    times = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        columns = (task / "stat").read_text().rsplit(")", 1)
        if "(NIO-ELT" in columns[0]:
            fields = columns[1].split()
            times[task.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return times


def measure(options, loads, server, loops, workload):
    """Requests per second of `loops` cores, and the busiest loop's share of the loops' time."""
    before = loop_times(server.process.pid)
    report = loads.frames(server, CONNECTIONS, IN_FLIGHT, workload=workload)
    after = loop_times(server.process.pid)
    used = sorted((after[task] - before.get(task, 0) for task in after), reverse=True)[:loops]
    busiest = used[0] / max(1e-9, sum(used))
    if has_room():
        return report["requests_per_second"], busiest
    # The busiest loop is the one that has no more to give.
    return 1e6 / report["server_cpu_us_per_request"] / busiest, busiest


def has_room():
    """Whether two loops and the load can have cores of their own."""
    return len(os.sched_getaffinity(0)) >= 4


def main():
    options = arguments()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise servers.Failure("two event loops need two cores")
    print(f"{CONNECTIONS} connections x {IN_FLIGHT}, " + (
        "server and load on cores of their own" if has_room() else "server and load share the cores: computed from their time"))
    found = {}
    for loops in (1, 2):
        os.environ["HERD_SERVER_EVENT_LOOPS"] = str(loops)
        pinned = ",".join(map(str, cores[:loops])) if has_room() else ",".join(map(str, cores))
        load_cores = ",".join(map(str, cores[2:4] if has_room() else cores))
        loads = servers.Loads(options.bin, None, load_cores, options.seconds, warm_up=0.3)
        with servers.herd(options.bin, ROOT, pinned) as (server, prompts):
            route = ["--workload", "route", "--prompts", prompts]
            loads.frames(server, 16, 16, workload=route, requests=100_000)
            for _ in range(options.rounds):
                for name, workload in (("Health", ()), ("cached Route", route)):
                    found.setdefault((name, loops), []).append(measure(options, loads, server, loops, workload))
    for name in ("Health", "cached Route"):
        one, two = (statistics.median(rate for rate, _ in found[name, loops]) for loops in (1, 2))
        busiest = statistics.median(share for _, share in found[name, 2])
        print(f"{name:13} one loop {one:9.0f}/s  two {two:9.0f}/s  = {two / one:.2f} times; "
              f"the busier of the two has {busiest:.0%} of the time")


if __name__ == "__main__":
    try:
        main()
    except servers.Failure as failure:
        print(f"scaling: {failure}", file=sys.stderr)
        sys.exit(1)
