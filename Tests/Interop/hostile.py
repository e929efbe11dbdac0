#!/usr/bin/env python3
"""Attacks a herd in every way that a peer on the wire has, and checks that each gets what DESIGN section 2 says.

    hostile.py --herdd .build/release/herdd               start a herd, attack it, end it
    hostile.py --router 127.0.0.1:7601 --pid 4711         attack one that runs and has models and a predictor
    hostile.py --herdd PATH --only calls --only framing.garbage
    hostile.py --herdd PATH --random 5000 --seed 7        mutated conversations besides
    hostile.py --list

Meanwhile another process makes Health and Route calls on a connection of its own: none may fail, and their 99th
percentile under attack stays within --ratio of what it is under an equally busy benign load. After each group of cases
the server's RssAnon returns to within 5 MB, and it holds no connection or call of an attacker any more.

Prints a line for each case, then what the bystander and the memory saw, then "N passed, N failed". Exits with 0 if all
is well, 1 if anything failed, 64 for a wrong command line. --full takes the time for the figures of `make hostile`.
"""

import argparse
import json
import pathlib
import random
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import check_wire

ALLOWED_GROWTH = 5_000_000


class Run:
    """One run against one server: what was found, in order."""

    def __init__(self, target, options):
        self.target, self.options = target, options
        self.repeat = 0
        self.results: list[dict] = []
        self.windows: list[Window] = []

    # Cases

    def one(self, case, again: bool = False) -> None:
        """Runs a case; a further round of it is reported only if it fails."""
        from attacks.peer import Wrong

        started = time.perf_counter()
        result: dict = {"case": case.name, "rule": case.rule, "ok": True}
        try:
            if measured := case.run(self.target):
                result["measured"] = measured
        except Wrong as wrong:
            result |= {"ok": False, "expected": wrong.expected, "seen": wrong.seen}
        except Exception as error:
            result |= {"ok": False, "expected": "that the case runs", "seen": f"{type(error).__name__}: {error}"}
        ended = time.perf_counter()
        result["seconds"] = round(ended - started, 3)
        self.windows.append(Window(case.name, started, ended, self.repeat))
        if not (again and result["ok"]):
            self.add(result)

    def add(self, result: dict) -> dict:
        self.results.append(result)
        if not self.options.json:
            mark = "ok    " if result["ok"] else "FAILED"
            note = "" if result["ok"] else f"  expected {result['expected']}; seen: {result['seen']}\n        rule: {result['rule']}"
            took = f"  ({result['seconds']} s)" if "seconds" in result else ""
            print(f"{mark}  {result['case']}{took}  {result.get('measured', '')}".rstrip() + f"{note}\n", end="", flush=True)
        return result

    def group(self, name: str, cases: list) -> None:
        from attacks import server

        before = server.anonymous_memory(self.target.pid)
        start = time.perf_counter()
        if cases[0].waits:
            # Side by side: what they wait for are time-outs of the server.
            with ThreadPoolExecutor(len(cases)) as pool:
                list(pool.map(self.one, cases))
        else:
            for case in cases:
                self.one(case)
            # In rounds, so that the bystander makes enough calls in each group for a 99th percentile.
            while self.target.full and time.perf_counter() - start < 5:
                for case in cases:
                    self.one(case, again=True)
        self.windows.append(Window(name, start, time.perf_counter(), self.repeat))
        self.recovery(name, before)

    def recovery(self, name: str, before: int) -> None:
        """Memory, connections and calls are as before the group, within some seconds."""
        from attacks import server

        deadline = time.monotonic() + 10
        while True:
            growth = server.anonymous_memory(self.target.pid) - before
            connections, calls = server.figures(self.target.address)
            clean = connections <= self.options.others and calls <= self.options.idle_calls
            if growth <= ALLOWED_GROWTH and clean or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        self.add({
            "case": f"{name}: memory returns", "rule": "server memory (RssAnon) returns to within 5 MB",
            "ok": growth <= ALLOWED_GROWTH, "expected": "at most 5 MB more than before",
            "seen": f"{growth / 1e6:+.1f} MB", "measured": f"{growth / 1e6:+.1f} MB of {before / 1e6:.1f}",
        })
        self.add({
            "case": f"{name}: nothing is left", "rule": "EOF cancels open calls; CANCEL frees all that the call holds",
            "ok": clean,
            "expected": f"at most {self.options.others} connections and {self.options.idle_calls} calls open",
            "seen": f"{connections} connections, {calls} calls",
        })

    # The bystander

    def phase(self, name: str, seconds: float, load=None) -> None:
        busy = load(self.target.address) if load else None
        # The first moments of a load, when its process is made, are not what is measured.
        time.sleep(0.2)
        start = time.perf_counter()
        time.sleep(seconds)
        self.windows.append(Window(name, start, time.perf_counter(), self.repeat))
        if busy:
            busy.stop()

    def judge(self, bystander, groups: list[str]) -> dict:
        """What the bystander saw; the p99 of each group of attacks is held against that of the benign load."""
        bystander.stop()

        def latencies(name: str, repeat: int | None = None) -> list[float]:
            return [latency for window in self.windows if window.name == name and repeat in (None, window.repeat)
                    for latency in bystander.between(window.start, window.end)]

        # In the waiting group the attackers mostly sleep: it would only flatter.
        attacks = [name for name in groups if name != "waiting"]

        def ratio(reference: str) -> float:
            """Under attack against the reference, the median over the repeats."""
            return statistics.median(
                percentile([latency for name in attacks for latency in latencies(name, repeat)], 0.99)
                / percentile(latencies(reference, repeat), 0.99) for repeat in range(self.options.repeats))

        figures = {name: summary(latencies(name)) for name in ["quiet", "benign", *groups]}
        cases = {window.name: summary(latencies(window.name)) for window in self.windows if "." in window.name}
        worst = sorted(cases, key=lambda name: cases[name]["max_us"], reverse=True)[:5]
        if not self.options.json:
            print("bystander, microseconds:")
            for name, row in (figures | {name: cases[name] for name in worst}).items():
                print(f"  {name:38}{row['calls']:8} calls  p50 {row['p50_us']:6}  p99 {row['p99_us']:6}  max {row['max_us']:7}")
        self.add({
            "case": "bystander: no call fails", "rule": "a second connection's calls go on meanwhile",
            "ok": not bystander.failures, "expected": "no failed call",
            "seen": f"{len(bystander.failures)} failed: {'; '.join(bystander.failures[:3])}"})
        if attacks:
            benign, quiet = ratio("benign"), ratio("quiet")
            self.add({
                "case": "bystander: p99", "rule": "a second connection's calls go on meanwhile with p99 within 2x",
                # Against nothing at all it holds as well, or the machine is too noisy for the benign load to add to it.
                "ok": min(benign, quiet) <= self.options.ratio,
                "expected": f"at most {self.options.ratio:g} times the p99 of an equally busy benign load",
                "seen": f"{benign:.2f} times",
                "measured": f"{benign:.2f} times the benign load's, {quiet:.2f} times the quiet one"})
        return figures | cases


@dataclass(frozen=True)
class Window:
    """When something went on, on the clock of the bystander."""

    name: str
    start: float
    end: float
    repeat: int


def percentile(latencies: list[float], share: float) -> float:
    return sorted(latencies)[int(len(latencies) * share)] if latencies else float("nan")


def summary(latencies: list[float]) -> dict:
    if not latencies:
        return {"calls": 0, "p50_us": 0, "p99_us": 0, "max_us": 0}
    return {"calls": len(latencies), "p50_us": round(percentile(latencies, 0.5) * 1e6),
            "p99_us": round(percentile(latencies, 0.99) * 1e6), "max_us": round(max(latencies) * 1e6)}


def attack(target, options, chosen, quiet_connections) -> Run:
    from attacks import fuzz
    from attacks.bystander import BenignLoad, Bystander
    from attacks.case import Case

    run = Run(target, options)
    bystander = Bystander(target.address)
    options.others = quiet_connections + 1
    if options.random:
        chosen = chosen + [
            Case("fuzz.random", "fuzz", "whatever comes, the server answers in whole frames and ends in order", False,
                 lambda target: fuzz.run(target, options.random))]
    seconds = 3 if target.full else 0.8
    active = [case for case in chosen if not case.waits]
    groups = {name: [case for case in active if case.group == name] for name in dict.fromkeys(case.group for case in active)}
    if waiting := [case for case in chosen if case.waits]:
        groups["waiting"] = waiting
    for run.repeat in range(options.repeats):
        run.phase("quiet", seconds)
        run.phase("benign", seconds, BenignLoad)
        for name, cases in groups.items():
            run.group(name, cases)
        run.phase("quiet", seconds)
        run.phase("benign", seconds, BenignLoad)
    run.bystander = run.judge(bystander, list(groups))
    return run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--herdd", metavar="PATH", help="the program to start and attack")
    where.add_argument("--router", metavar="HOST:PORT", help="a running router to attack; needs --pid")
    parser.add_argument("--pid", type=int, help="the process of --router, whose memory is watched")
    parser.add_argument("--only", action="append", default=[], metavar="CASE", help="a case or a group; may be repeated")
    parser.add_argument("--list", action="store_true", help="the cases and their rules")
    parser.add_argument("--full", action="store_true", help="1 GB, 10 s, 1,000 connections: minutes")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="the whole of it N times")
    parser.add_argument("--ratio", type=float, default=2, help="what the p99 under attack may be of the benign one's")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="N mutated conversations besides")
    parser.add_argument("--seed", type=int, help="of all that is random; printed, and new for each run unless given")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args()
    options.seed = random.randrange(2**32) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory() as folder:
        check_wire.compile_messages(folder)
        return start(parser, options)


def start(parser, options) -> int:
    from attacks import server
    from attacks.all import CASES
    from attacks.case import Target

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
        timeouts = server.LONG if options.full else server.SHORT
        with server.Server(options.herdd, server.environment(timeouts)) as herd:
            server.teach(herd.address)
            run = measure(herd.address, herd.process.pid, options, chosen, Target, timeouts)
            run.add({
                "case": "the server lives", "rule": "nothing a peer sends can hurt the server",
                "ok": herd.is_running, "expected": "a running process", "seen": f"exit status {herd.process.poll()}"})
            log = herd.log.read_text(errors="replace")
            run.add({
                "case": "the log is quiet", "rule": "bad input is the peer's fault, no error of the server",
                "ok": not log, "expected": "no line of level error", "seen": log[:400]})
    else:
        host, _, port = options.router.rpartition(":")
        run = measure((host, int(port)), options.pid, options, chosen, Target, server.DEFAULTS)
    failed = sum(not result["ok"] for result in run.results)
    if options.json:
        print(json.dumps({"seed": options.seed, "results": run.results, "bystander": run.bystander,
                          "passed": len(run.results) - failed, "failed": failed}, indent=1))
    else:
        print(f"{len(run.results) - failed} passed, {failed} failed (seed {options.seed})")
    return 1 if failed else 0


def measure(address, pid, options, chosen, target_type, timeouts) -> Run:
    from attacks import server

    # What the server's own parts hold open among themselves is no attacker's.
    connections, calls = server.figures(address)
    options.idle_calls = calls
    target = target_type(address, pid, options.full, options.seed, timeouts)
    return attack(target, options, chosen, connections)


if __name__ == "__main__":
    sys.exit(main())
