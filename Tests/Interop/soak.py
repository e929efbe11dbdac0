#!/usr/bin/env python3
"""Does a herd at half of its capacity hold on to memory or files? All methods, for a quarter of an hour.

    soak.py --herdd .build/release/herdd --herd-load .build/release/herd-load [--minutes 15] [--seed 7]

Starts a herd with a trained predictor and small bounds on logs and caches, so that they are full within the first
minutes. While mixed/load.py calls every other method over and over with the same few names, it measures how many routes a
second the herd answers, one in ten of them new, and from then on asks for half as many. Prints a line of samples every ten seconds:
resident memory, of it the process's own (anonymous), file descriptors, threads. After minute 3 (a fifth of a shorter run)
resident memory may grow by less than 3 % and descriptors not at all: the median of the last quarter of the samples against
that of the first, since trainings and backups come and go, and the least descriptors in each, since connections do. Exits
with 1 where one of them does, a call failed, or, in a minute or more, a method that the herd describes was called by
nobody (but those that mixed/kinds.py says why it leaves out).
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import check_wire

#: Small enough to be full before memory counts.
BOUNDS = {"HERD_ROUTER_CACHE_MAX_BYTES": str(16 << 20), "HERD_ROUTER_DECISION_LOG_MAX_ENTRIES": "200000",
          "HERD_ROUTER_AUDIT_MAX_ENTRIES": "2000", "HERD_REFINER_TRANSCRIPTS_MAX_ENTRIES": "500",
          "HERD_ROUTER_SESSION_MAX_ENTRIES": "1000"}


class Soak:
    def __init__(self, options, folder: str):
        self.options, self.folder = options, pathlib.Path(folder)
        self.seconds = options.minutes * 60
        #: From when on memory counts.
        self.settled = min(180.0, self.seconds / 5)
        self.every = min(10.0, self.seconds / 20)
        self.samples, self.problems = [], []

    def run(self) -> int:
        from mixed import processes

        with processes.Herd(self.options.herdd, str(self.folder), BOUNDS) as herd:
            herd.start()
            herd.prepare()
            (self.folder / "token").write_text(herd.token)
            self.train(herd)
            measuring = max(1.0, min(30.0, self.seconds / 10))
            load = subprocess.Popen([
                sys.executable, str(HERE / "mixed/load.py"), "--address", herd.addresses[0], "--token", herd.token,
                "--journal", os.devnull, "--backups", str(self.folder / "backups"), "--seconds", str(measuring + self.seconds),
                "--pause", str(self.options.pause), "--keys", "20", "--seed", str(self.options.seed)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            # Of the herd that is to be soaked: one that does all the rest, too.
            capacity = self.routes(herd, ["--in-flight", "16", "--seconds", f"{measuring}"])
            rate = capacity["requests_per_second"] / 2
            print(f"capacity {capacity['requests_per_second']:.0f} routes a second beside the other methods and this "
                  f"machine's other work; {rate:.0f} from now on", flush=True)
            routes = self.start_routes(herd, ["--rate", f"{rate:.0f}", "--seconds", str(self.seconds)])
            self.watch(herd)
            report = json.loads(routes.communicate(timeout=60)[0])
            counted, said = load.communicate(timeout=60)
            print(f"all other methods: {counted.strip()}")
            if load.returncode != 0:
                self.problems.append(f"the mixed load: {said}")
            # Where the machine has other work a herd may be busy at half of what it could do before.
            failures = {code: count for code, count in report["failures"].items() if code != "RESOURCE_EXHAUSTED"}
            if failures:
                self.problems.append(f"routes failed: {failures}, {report['failure_messages']}")
            self.look_for_uncalled(herd)
            if herd.terminate() != 0:
                self.problems.append("the herd did not end well")
        return self.judge(report)

    def train(self, herd) -> None:
        """A predictor over this herd's own model, so that routes are predicted and cached."""
        from herd.v1 import scorer_pb2
        from mixed import processes

        client = processes.connect(herd.addresses[0], herd.token)
        rows = [scorer_pb2.Evaluation(id=f"soak-{number}", prompt=f"count the words of text {number}", task="t",
                                      scores={"priced": number % 10 / 10}) for number in range(60)]
        client.call("herd.v1.Scorer/Import", scorer_pb2.ImportRequest(evaluations=rows), scorer_pb2.ImportResponse)
        train = client.start("herd.v1.Scorer/Train", scorer_pb2.TrainRequest(seed=1, promote=True), timeout=60)
        client.finish(train, message_type=scorer_pb2.TrainEvent)
        client.close()

    def start_routes(self, herd, more: list[str]) -> subprocess.Popen:
        return subprocess.Popen([
            self.options.herd_load, "--server", herd.addresses[0], "--workload", "route", "--repeats", "0.9",
            "--connections", "4", "--token-file", str(self.folder / "token"), "--seed", str(self.options.seed), "--json",
            *more], stdout=subprocess.PIPE, text=True)

    def routes(self, herd, more: list[str]) -> dict:
        return json.loads(self.start_routes(herd, more).communicate()[0])

    def watch(self, herd) -> None:
        began = time.monotonic()
        print("  seconds  resident MB  own MB  descriptors  threads", flush=True)
        while (passed := time.monotonic() - began) < self.seconds:
            if herd.process.poll() is not None:
                self.problems.append(f"the herd ended with status {herd.process.returncode}")
                return
            sample = self.sample(herd.process.pid)
            self.samples.append((passed, *sample))
            print(f"  {passed:7.0f}  {sample[0] / 2**20:11.1f}  {sample[1] / 2**20:6.1f}  {sample[2]:11}  {sample[3]:7}",
                  flush=True)
            time.sleep(self.every)

    def look_for_uncalled(self, herd) -> None:
        """Of every method that the herd describes the load has called each that kinds.py does not say it leaves out."""
        from mixed import kinds, processes

        client = processes.connect(herd.addresses[0], herd.token)
        described = set(processes.methods(client))
        called = {method.method.removeprefix("herd.v1.") for method in processes.status(client).methods if method.calls}
        client.close()
        print(f"{len(described & called)} of {len(described)} methods called, {len(kinds.LEFT_OUT)} left out")
        if uncalled := described - called - kinds.LEFT_OUT.keys():
            names = ", ".join(sorted(uncalled))
            if self.seconds >= 60:
                self.problems.append(f"nothing has called {names}")
            else:
                print(f"{names}: not called in so short a time")
        if outdated := kinds.LEFT_OUT.keys() - (described - called):
            self.problems.append(f"kinds.py leaves out what is called, or not there: {', '.join(sorted(outdated))}")

    @staticmethod
    def sample(process: int) -> tuple[int, int, int, int]:
        lines = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines())
        resident, own = (int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "RssAnon"))
        return resident, own, len(os.listdir(f"/proc/{process}/fd")), int(lines["Threads"])

    def judge(self, report: dict) -> int:
        """Compares the samples around the end of minute 3 with the last ones."""
        after = [sample for sample in self.samples if sample[0] >= self.settled]
        count = max(1, len(after) // 4)
        ok = not self.problems
        for place, name, of, most in ((1, "resident memory", statistics.median, 0.03),
                                      (2, "own memory", statistics.median, None), (3, "descriptors", min, 0.0)):
            first = of(sample[place] for sample in after[:count])
            last = of(sample[place] for sample in after[-count:])
            growth = last / first - 1
            # In a short run a page of the allocator's is more than that share, and some connection is always just opened.
            slack = {1: self.options.slack, 3: 8 if self.seconds < 60 else 0}.get(place, 0)
            is_right = most is None or growth <= 0 or growth < most or last - first < slack
            ok = ok and is_right
            print(f"{name}: {first:.0f} at {self.settled:.0f} s and after, {last:.0f} at the end, {growth:+.2%}"
                  f"{'' if is_right else f' is over {most:.0%}'}")
        print(f"routes: {report['requests']} answered, {report['failed']} put off")
        for problem in self.problems:
            print(f"PROBLEM  {problem}")
        print("steady" if ok else "NOT steady")
        return 0 if ok else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--herdd", required=True, metavar="PATH")
    parser.add_argument("--herd-load", required=True, metavar="PATH")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two calls of each kind of the mixed load")
    parser.add_argument("--slack", type=float, default=0, help="bytes of resident memory that do not count as growth")
    parser.add_argument("--seed", type=int, help="of all that is random; printed, and new for each run unless given")
    options = parser.parse_args()
    options.seed = random.randrange(1 << 32) if options.seed is None else options.seed
    options.herdd, options.herd_load = os.path.abspath(options.herdd), os.path.abspath(options.herd_load)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as messages, tempfile.TemporaryDirectory(prefix="herd-soak-") as folder:
        check_wire.compile_messages(messages)
        return Soak(options, folder).run()


if __name__ == "__main__":
    sys.exit(main())
