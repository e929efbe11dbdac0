"""One run against one server: cases in groups, and what memory and bystander show meanwhile."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from . import fuzz, server
from .bystander import BenignLoad, Bystander
from .case import Case, Target
from .peer import Wrong

ALLOWED_GROWTH = 5_000_000


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


class Run:
    def __init__(self, target: Target, options):
        self.target, self.options = target, options
        self.repeat = 0
        self.results: list[dict] = []
        self.windows: list[Window] = []
        self.bystander: dict = {}
        # What the server's own parts hold open among themselves is no attacker's; the bystander adds one.
        connections, self.idle_calls = server.figures(target.address)
        self.others = connections + 1

    def all(self, chosen: list[Case]) -> None:
        """Everything, `options.repeats` times: quiet, benign, each group of cases, quiet, benign."""
        if self.options.random:
            chosen = chosen + [
                Case("fuzz.random", "fuzz", "whatever comes, the server answers in whole frames and ends in order",
                     False, lambda target: fuzz.run(target, self.options.random))]
        active = [case for case in chosen if not case.waits]
        groups = {group: [case for case in active if case.group == group]
                  for group in dict.fromkeys(case.group for case in active)}
        if waiting := [case for case in chosen if case.waits]:
            groups["waiting"] = waiting
        seconds = 3 if self.target.full else 0.8
        bystander = Bystander(self.target.address)
        for self.repeat in range(self.options.repeats):
            self.phase("quiet", seconds)
            self.phase("benign", seconds, BenignLoad)
            for name, cases in groups.items():
                self.group(name, cases)
            self.phase("quiet", seconds)
            self.phase("benign", seconds, BenignLoad)
        self.bystander = self.judge(bystander, list(groups))

    def add(self, result: dict) -> None:
        self.results.append(result)
        if self.options.json:
            return
        took = f"({result['seconds']} s)" if "seconds" in result else ""
        mark = "ok    " if result["ok"] else "FAILED"
        line = f"{mark}  {result['case']}  {took}  {result.get('measured', '')}".rstrip()
        if not result["ok"]:
            line += f"  expected {result['expected']}; seen: {result['seen']}\n        rule: {result['rule']}"
        print(f"{line}\n", end="", flush=True)

    # Cases

    def one(self, case: Case, again: bool = False) -> None:
        """Runs a case; a further round of it is reported only if it fails."""
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

    def group(self, name: str, cases: list[Case]) -> None:
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
        growth, settled = self.settled(before)
        # What is kept for reuse is kept once; what leaks leaks again.
        if growth > ALLOWED_GROWTH and not cases[0].waits:
            before = server.anonymous_memory(self.target.pid)
            for case in cases:
                self.one(case, again=True)
            growth, settled = self.settled(before)
        self.recovery(name, before, growth, *settled)

    def settled(self, before: int) -> tuple[int, tuple[int, int]]:
        """Growth of the memory, and connections and calls, once they are as before; after 10 s as they are then."""
        deadline = time.monotonic() + 10
        while True:
            growth = server.anonymous_memory(self.target.pid) - before
            connections, calls = figures = server.figures(self.target.address)
            clean = connections <= self.others and calls <= self.idle_calls
            if growth <= ALLOWED_GROWTH and clean or time.monotonic() > deadline:
                return growth, figures
            time.sleep(0.05)

    def recovery(self, name: str, before: int, growth: int, connections: int, calls: int) -> None:
        """Memory, connections and calls are as before the group."""
        clean = connections <= self.others and calls <= self.idle_calls
        self.add({
            "case": f"{name}: memory returns",
            "rule": "server memory (RssAnon) returns to within 5 MB, the second time at the latest",
            "ok": growth <= ALLOWED_GROWTH, "expected": "at most 5 MB more than before",
            "seen": f"{growth / 1e6:+.1f} MB", "measured": f"{growth / 1e6:+.1f} MB of {before / 1e6:.1f}",
        })
        self.add({
            "case": f"{name}: nothing is left", "rule": "EOF cancels open calls; CANCEL frees all that the call holds",
            "ok": clean, "expected": f"at most {self.others} connections and {self.idle_calls} calls open",
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

    def judge(self, bystander: Bystander, groups: list[str]) -> dict:
        """What the bystander saw; the p99 under attack is held against that of the benign load, or of none."""
        bystander.stop()

        windows: dict[str, list[Window]] = {}
        for window in self.windows:
            windows.setdefault(window.name, []).append(window)

        def latencies(name: str, repeat: int | None = None) -> list[float]:
            return [latency for window in windows[name] if repeat in (None, window.repeat)
                    for latency in bystander.between(window.start, window.end)]

        # In the waiting group the attackers mostly sleep: it would only flatter.
        attacks = [name for name in groups if name != "waiting"]

        def ratio(reference: str) -> float:
            """Under attack against the reference, the median over the repeats."""
            return statistics.median(
                percentile([latency for name in attacks for latency in latencies(name, repeat)], 0.99)
                / percentile(latencies(reference, repeat), 0.99) for repeat in range(self.options.repeats))

        figures = {name: summary(latencies(name)) for name in ["quiet", "benign", *groups]}
        cases = {name: summary(latencies(name)) for name in windows if "." in name}
        if not self.options.json:
            worst = sorted(cases, key=lambda name: cases[name]["max_us"], reverse=True)[:5]
            print("bystander, microseconds:")
            for name, row in (figures | {name: cases[name] for name in worst}).items():
                print(f"  {name:38}{row['calls']:8} calls  p50 {row['p50_us']:6}  p99 {row['p99_us']:6}"
                      f"  max {row['max_us']:7}")
        self.add({
            "case": "bystander: no call fails", "rule": "a second connection's calls go on meanwhile",
            "ok": not bystander.failures, "expected": "no failed call",
            "seen": f"{len(bystander.failures)} failed: {'; '.join(bystander.failures[:3])}"})
        if attacks:
            benign, quiet = ratio("benign"), ratio("quiet")
            self.add({
                "case": "bystander: p99", "rule": "a second connection's calls go on meanwhile with p99 within 2x",
                # What holds against nothing at all holds: then the machine is too noisy for the load to show.
                "ok": min(benign, quiet) <= self.options.ratio,
                "expected": f"at most {self.options.ratio:g} times the p99 beside an equally busy benign load, or "
                            "beside none",
                "seen": f"{benign:.2f} and {quiet:.2f} times",
                "measured": f"under attack {benign:.2f} times the p99 beside an equally busy benign load, {quiet:.2f} "
                            f"times the undisturbed one; one of them at most {self.options.ratio:g}"})
        return figures | cases
