#!/usr/bin/env python3
"""Measures what a herd does with three times as much as it can: new prompts to `herdd all` on one core, loads on another.

Each round measures the capacity in a closed loop, then open loops of 50 %, a few times 300 % (between them the capacity
again) and once more 50 % of it, with Health beside them and the calls of another token, which asks for little, and
prints what the targets are about. Ratios are of one round; the figures printed are medians of all rounds, with the worst
round beside them. Ends with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import herd
import measure


#: Calls a second of a token that asks for little.
MODEST = 500


class Round:
    """One herd under the three loads."""

    def __init__(self, options: argparse.Namespace, process: herd.Process, prompts: Path, modest: str, seed: int) -> None:
        self.options, self.process, self.modest, self.seed = options, process, modest, seed
        self.tool = herd.Tool(options.bin, process.addresses["router"], measure.LOAD_CORE)
        self.route = ("--workload", "route", "--prompts", prompts, "--repeats", options.repeats)

    def load(self, *arguments: object, seconds: float, warm_up: float = 1.0) -> dict:
        self.seed += 1
        return self.tool.load(*self.route, "--connections", self.options.connections, *arguments, "--seconds", seconds, "--warm-up", warm_up, "--seed", self.seed,
                              may_fail=True)

    def beside(self, *arguments: object, token: str, prefix: Sequence[str] = ()) -> subprocess.Popen:
        """A load of few calls."""
        command = ["taskset", "-c", measure.LOAD_CORE, *prefix, self.options.bin / "herd-load", "--server",
                   self.tool.address, "--json", *arguments, "--connections", 1, "--seconds", self.options.seconds,
                   "--warm-up", 1]
        return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                text=True, env={**os.environ, "HERD_TOKEN": token})

    def beside_others(self, rate: float) -> tuple[dict, dict, dict, float]:
        """An open loop, Health and the calls of another token beside it, and the most memory there was, in MB."""
        most, is_over = 0.0, threading.Event()

        def watch() -> None:
            nonlocal most
            while not is_over.wait(0.1):
                most = max(most, self.process.memory())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            # Its latencies count, so it does not wait for its core.
            health = self.beside("--workload", "echo", "--rate", 100, token=os.environ["HERD_TOKEN"],
                                 prefix=herd.at_once())
            modest = self.beside(*self.route, "--rate", MODEST, "--seed", 7, token=self.modest)
            report = self.load("--rate", round(rate), seconds=self.options.seconds)
            return report, json.loads(health.communicate()[0]), json.loads(modest.communicate()[0]), most
        finally:
            is_over.set()
            watcher.join()

    def shed(self) -> float:
        return json.loads(self.tool.ctl("status", "--json"))["figures"]["shed_calls"]

    def capacity(self) -> float:
        """Answers a second in a closed loop."""
        return self.load("--in-flight", 8, seconds=self.options.seconds)["requests_per_second"]

    def run(self) -> dict[str, float]:
        shed = self.shed()
        capacities = [self.capacity()]
        half, _, _, _ = self.beside_others(capacities[0] / 2)
        shed_at_half = self.shed() - shed
        # What others take of the machine changes from one moment to the next: the capacity is measured in between.
        over = []
        for _ in range(self.options.parts):
            capacities.append(self.capacity())
            # Prompts that are cached take memory, too, whoever asks for them.
            before = self.process.memory()
            *load, most = self.beside_others(capacities[-1] * self.options.times)
            over.append((*load, most - before))
        begin = time.monotonic()
        after = self.load("--rate", round(capacities[0] / 2), seconds=self.options.seconds,
                          warm_up=max(0.0, 2 - (time.monotonic() - begin)))
        capacities.append(self.capacity())
        # The other token's answers are as good as those of the one that asks for too much.
        answered = statistics.mean(load["requests_per_second"] + modest["requests_per_second"]
                                   for load, _, modest, _ in over)
        most = max(load["latency_ms"]["p99"] for load, _, _, _ in over)
        refused = sum(modest["failed"] for _, _, modest, _ in over)
        return {
            "capacity": statistics.mean(capacities[1:]),
            "p99 at half load": half["latency_ms"]["p99"],
            "p99 overloaded": most,
            "goodput": answered / statistics.mean(capacities[1:]),
            "p99 ratio": most / half["latency_ms"]["p99"],
            "health": max(health["latency_ms"]["max"] for _, health, _, _ in over),
            "health failed": sum(health["failed"] for _, health, _, _ in over),
            "modest": refused / max(1, refused + sum(modest["requests"] for _, _, modest, _ in over)),
            "memory": max(more for _, _, _, more in over),
            "shed at half load": shed_at_half,
            "failed after": after["failed"],
            "p99 after": after["latency_ms"]["p99"] / half["latency_ms"]["p99"],
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=herd.ROOT / ".build/release", help="folder of the programs")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, each on a herd of its own (default: 5)")
    parser.add_argument("--seconds", type=float, default=5, help="of each load (default: 5)")
    parser.add_argument("--parts", type=int, default=3, help="loads over the capacity a round (default: 3)")
    parser.add_argument("--models", type=int, default=100,
                        help="in the herd: with few of them a fast core does as much as the one that loads it (default: 100)")
    parser.add_argument("--connections", type=int, default=16, help="that call (default: 16)")
    parser.add_argument("--times", type=float, default=3, help="the capacity is asked for (default: 3)")
    parser.add_argument("--repeats", type=float, default=0, help="share of prompts that are known (default: 0)")
    parser.add_argument("--data", type=Path, help="prepared by an earlier run, or to be kept for later ones")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    options.share, options.folder = 1.0, None
    figures = measure.Figures()
    try:
        with tempfile.TemporaryDirectory(prefix="herd-overload-") as folder:
            rounds = measured(options, Path(folder))
    except herd.Failure as failure:
        print(f"overload.py: {failure}", file=sys.stderr)
        return 70
    median = {name: statistics.median(row[name] for row in rounds) for name in rounds[0]}
    times = f"at {options.times:g}x"
    figures.add("capacity, closed loop", median["capacity"], "/s")
    figures.add("p99 at half load", median["p99 at half load"], "ms")
    figures.add(f"p99 of admitted calls {times}", median["p99 overloaded"], "ms")
    figures.add(f"goodput {times}, of capacity", median["goodput"], "x", at_least=0.9)
    figures.add(f"goodput {times}, of capacity: least of the rounds", min(row["goodput"] for row in rounds), "x",
                at_least=0.8)
    figures.add(f"p99 of admitted calls {times}, of that at half load", median["p99 ratio"], "x", at_most=3)
    figures.add(f"p99 of admitted calls {times}, of that at half load: worst", max(row["p99 ratio"] for row in rounds),
                "x")
    figures.add(f"Health {times}: slowest", median["health"], "ms", at_most=50)
    figures.add(f"Health {times}: slowest of all rounds", max(row["health"] for row in rounds), "ms")
    figures.add(f"Health {times}: failed", sum(row["health failed"] for row in rounds), "", at_most=0)
    figures.add(f"{MODEST} calls a second of another token {times}: shed", median["modest"], "", at_most=0.01)
    figures.add(f"memory {times} over that before it", median["memory"], "MB", at_most=20)
    figures.add("shed at half load", median["shed at half load"], "", at_most=0)
    figures.add("failed, from 2 s after the load's end", median["failed after"], "", at_most=0)
    figures.add("p99 from 2 s after the load's end, of that before it", median["p99 after"], "x", at_most=3)
    return figures.end(options.json, rounds=rounds)


def token(options: argparse.Namespace, data: Path, role: str) -> str:
    """A new one of a herd that does not run."""
    return subprocess.run([str(options.bin / "herdd"), "token", "create", "--role", role, "--data", str(data)], check=True,
                          capture_output=True, text=True).stdout.strip()


def measured(options: argparse.Namespace, folder: Path) -> list[dict[str, float]]:
    """The rounds."""
    home = options.data or folder
    home.mkdir(parents=True, exist_ok=True)
    data, prompts = home / "herd", home / "prompts.txt"
    if not data.exists():
        measurement = measure.Measurement(options, home, measure.Figures())
        prompts, models, rows = measurement.made(models=options.models, rows=57 * 40)
        measurement.prepare(data, models, rows)
    rounds = []
    for number in range(options.rounds):
        copy = folder / f"round-{number}"
        subprocess.run(["cp", "-r", str(data), str(copy)], check=True)
        os.environ["HERD_TOKEN"], modest = (token(options, copy, role) for role in ("admin", "client"))
        with herd.running(herd.herd_all(options.bin, copy), folder, measure.SERVER_CORE) as process:
            tool = herd.Tool(options.bin, process.addresses["router"], measure.LOAD_CORE)
            tool.wait_for_predictor(prompts.read_text().splitlines()[0])
            rounds.append(Round(options, process, prompts, modest, 100 * number).run())
        print("round", number + 1, {name: round(value, 2) for name, value in rounds[-1].items()}, file=sys.stderr)
    return rounds


if __name__ == "__main__":
    sys.exit(main())
