#!/usr/bin/env python3
"""Attacks a herd in every way that a peer on the wire has, and checks that each gets what DESIGN section 2 says.

    hostile.py --herdd .build/release/herdd               start a herd, attack it, end it
    hostile.py --router 127.0.0.1:7601 --pid 4711         attack one that runs and has models and a predictor
    hostile.py --herdd PATH --only calls --only framing.garbage
    hostile.py --herdd PATH --random 5000 --seed 7        mutated conversations besides
    hostile.py --list

Meanwhile another process, the bystander, makes Health and Route calls on a connection of its own: none may fail. Their
99th percentile during all attacks but those that wait for time-outs is held against two others, measured before and
after: beside an equally busy benign load (what sharing the processors costs whoever is there), and undisturbed. Both
ratios are printed; the lower one, each the median over --repeats, has to be within --ratio.

After each group of cases the server's RssAnon returns to within 5 MB, and it holds no connection or call of an attacker
any more.

Prints a line for each case, then what the bystander and the memory saw, then "N passed, N failed". Exits with 0 if all
is well, 1 if anything failed, 2 for a wrong command line. --full takes the time for the figures of `make hostile`.
"""

import argparse
import json
import pathlib
import random
import resource
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import check_wire


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--herdd", metavar="PATH", help="the program to start and attack")
    where.add_argument("--router", metavar="HOST:PORT", help="a running router to attack; needs --pid")
    parser.add_argument("--pid", type=int, help="the process of --router, whose memory is watched")
    parser.add_argument("--only", action="append", default=[], metavar="CASE",
                        help="a case or a group; may be repeated")
    parser.add_argument("--list", action="store_true", help="the cases and their rules")
    parser.add_argument("--full", action="store_true", help="1 GB, 10 s, 1,000 connections: minutes")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="the whole of it N times")
    parser.add_argument("--ratio", type=float, default=2,
                        help="how many times the bystander's p99 beside a benign load, or undisturbed, it may be")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="N mutated conversations besides")
    parser.add_argument("--seed", type=int, help="of all that is random; printed, and new for each run unless given")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args()
    # A socket for each of 1,560 connections; the soft limit is often 1,024.
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    options.seed = random.randrange(2**32) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory() as folder:
        check_wire.compile_messages(folder)
        return start(parser, options)


def start(parser, options) -> int:
    from attacks import server
    from attacks.all import CASES
    from attacks.case import Target
    from attacks.run import Run

    chosen = [case for case in CASES if not options.only or case.name in options.only or case.group in options.only]
    if options.list:
        for case in chosen:
            print(f"{case.name}\n    {case.rule}")
        return 0
    names = {case.name for case in CASES} | {case.group for case in CASES}
    for name in options.only:
        if name not in names:
            parser.error(f"there is no case or group {name!r}; --list shows them")
    if not options.herdd and not (options.router and options.pid):
        parser.error("give --herdd PATH, or --router HOST:PORT with --pid PID")
    if not options.json:
        print(f"seed {options.seed}")
    if options.herdd:
        limits = server.LONG if options.full else server.SHORT
        with server.Server(options.herdd, limits) as herd:
            server.teach(herd.address)
            run = Run(Target(herd.address, herd.process.pid, options.full, options.seed, limits), options)
            run.all(chosen)
            run.add({
                "case": "the server lives", "rule": "nothing a peer sends can hurt the server",
                "ok": herd.is_running, "expected": "a running process", "seen": f"exit status {herd.process.poll()}"})
            log = herd.log.read_text(errors="replace")
            run.add({
                "case": "the log is quiet", "rule": "bad input is the peer's fault, no error of the server",
                "ok": not log, "expected": "no line of level error", "seen": log[:400]})
    else:
        host, _, port = options.router.rpartition(":")
        run = Run(Target((host, int(port)), options.pid, options.full, options.seed, server.DEFAULTS), options)
        run.all(chosen)
    failed = sum(not result["ok"] for result in run.results)
    if options.json:
        print(json.dumps({"seed": options.seed, "results": run.results, "bystander": run.bystander,
                          "passed": len(run.results) - failed, "failed": failed}, indent=1))
    else:
        print(f"{len(run.results) - failed} passed, {failed} failed (seed {options.seed})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
