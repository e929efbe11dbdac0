#!/usr/bin/env python3
"""Measures Herd where `make bench` does not: uncached prompts, predictions in process, memory, starts with much data,
import, training, and a herd of a thousand models. Prints each figure beside its target, and JSON with --json FILE.

Real processes on data made up from a seed; servers on one core, loads on another. Times are medians. The whole takes some
ten minutes and about 8 GB of disk; --only SECTION measures a part. Ends with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import herd

ROOT = herd.ROOT
SERVER_CORE, LOAD_CORE = "0", "1"


class Figures:
    """What was measured, by name, with its target."""

    def __init__(self) -> None:
        self.rows: list[dict] = []

    def add(self, name: str, value: float, unit: str, at_most: float | None = None,
            at_least: float | None = None) -> None:
        missed = (at_most is not None and value > at_most) or (at_least is not None and value < at_least)
        self.rows.append({"name": name, "value": value, "unit": unit, "at_most": at_most, "at_least": at_least,
                          "missed": missed})
        target = "" if at_most is None and at_least is None else (
            f"at most {at_most:g}" if at_most is not None else f"at least {at_least:g}")
        print(f"{name:66} {value:10.4g} {unit:6} {target:16}{' MISSED' if missed else ''}", flush=True)

    def end(self, path: Path | None, **more: object) -> int:
        """Writes the figures, and what else is told, to a file; 1 if a target is missed."""
        if path:
            path.write_text(json.dumps({"figures": self.rows, **more}, indent=2) + "\n")
        return 1 if any(row["missed"] for row in self.rows) else 0


class Measurement:
    def __init__(self, options: argparse.Namespace, folder: Path, figures: Figures) -> None:
        self.bin: Path = options.bin
        self.rounds: int = options.rounds
        self.seconds: float = options.seconds
        self.share: float = options.share
        self.folder, self.figures = folder, figures

    def count(self, full: int) -> int:
        """So many, or the share of it that --share asks for."""
        return max(1000, int(full * self.share))

    # MARK: in process

    def prediction(self) -> None:
        """Tokenise, embed and predict in process."""
        result = subprocess.run(["taskset", "-c", SERVER_CORE, str(self.bin / "prediction-speed")],
                                capture_output=True, text=True)
        if result.returncode != 0:
            raise herd.Failure(f"prediction-speed ended with {result.returncode}: {result.stderr.strip()}")
        found = json.loads(result.stdout)
        limits = {"predict_english_us": 12, "predict_1000_models_us": 40}
        limits |= {f"predict_{script}_us": 25 for script in ("accented", "cyrillic", "chinese", "hindi", "emoji")}
        for name, value in found.items():
            self.figures.add(f"in process: {name.removesuffix('_us').replace('_', ' ')}", value, "us", limits.get(name))
        for length in (1_000, 10_000):
            ratio = found[f"tokenise_{10 * length}_us"] / found[f"tokenise_{length}_us"]
            self.figures.add(f"in process: tokenise {10 * length} tokens over {length}", ratio, "x", 15)

    # MARK: uncached Route

    def uncached(self) -> None:
        """Route of new prompts through router and scorer, as two processes and as one."""
        prompts, models, rows = self.made(models=11, rows=57 * 40)
        data = self.folder / "uncached"
        self.prepare(data, models, rows)
        with self.pair(data) as (router, scorer):
            self.uncached_through("two processes", prompts, router, scorer)
        with herd.running(herd.herd_all(self.bin, data), self.folder, SERVER_CORE) as process:
            self.uncached_through("herdd all", prompts, process)

    def uncached_through(self, way: str, prompts: Path, router: herd.Process, *others: herd.Process) -> None:
        """What new prompts cost `router` and those it asks."""
        tool = herd.Tool(self.bin, router.addresses["router"], LOAD_CORE)
        tokens = tool.wait_for_predictor(prompts.read_text().splitlines()[0])["prompt_tokens"]
        self.figures.add("uncached Route: tokens of a prompt", tokens, "")
        pids = ",".join(str(process.pid) for process in (router, *others))
        cpu, rate, p50, p99, echo = [], [], [], [], []
        for seed in range(self.rounds):
            common = ("--workload", "route", "--prompts", prompts, "--repeats", 0, "--server-pid", pids,
                      "--seconds", self.seconds, "--warm-up", 0.5)
            many = tool.load(*common, "--connections", 16, "--in-flight", 8, "--seed", 2 * seed + 1)
            one = tool.load(*common, "--connections", 1, "--in-flight", 1, "--seed", 2 * seed + 2)
            health = tool.load("--workload", "echo", "--connections", 1, "--in-flight", 1, "--seconds", 1,
                               "--warm-up", 0.2)
            echo.append(health["latency_ms"]["p50"] * 1e3)
            cpu.append(many["server_cpu_us_per_request"])
            rate.append(many["requests_per_second"])
            p50.append(one["latency_ms"]["p50"] * 1e3)
            p99.append(one["latency_ms"]["p99"] * 1e3)
        median = statistics.median
        name = f"uncached Route, {way}"
        self.figures.add(f"{name}, 16 x 8: CPU per request", median(cpu), "us", 30)
        self.figures.add(f"{name}, 16 x 8: requests per second, one core", median(rate), "/s")
        self.figures.add(f"{name}, 1 x 1: p50", median(p50), "us", 150)
        self.figures.add(f"{name}, 1 x 1: p99", median(p99), "us")
        self.figures.add(f"{name}, Health beside it, 1 x 1: p50", median(echo), "us")
        self.figures.add(f"{name}, over Health, 1 x 1: p50", median([a / b for a, b in zip(p50, echo)]), "x")

    def made(self, *, models: int, rows: int, prompts: int = 20_000, **kind: int) -> tuple[Path, Path, Path]:
        """Files of prompts, of models, and of their evaluations."""
        names = herd.models(models)
        evaluated, asked, known = (self.folder / name for name in ("rows.jsonl", "prompts.txt", "models.yaml"))
        herd.write_evaluations(evaluated, rows, names)
        herd.write_prompts(asked, prompts, **kind)
        herd.write_herd(known, names)
        return asked, known, evaluated

    def prepare(self, data: Path, models: Path, rows: Path) -> None:
        """A herd's stores with models and a predictor in force."""
        with herd.running(herd.herd_all(self.bin, data), self.folder) as process:
            tool = herd.Tool(self.bin, process.addresses["router"])
            tool.ctl("model", "add", "--file", models)
            tool.ctl("import", rows, "--timeout", 600)
            tool.ctl("train", "--promote", "--timeout", 3000)
            tool.wait_for_predictor()

    @contextlib.contextmanager
    def pair(self, data: Path):
        """Router and scorer as two processes on one core."""
        command = [self.bin / "herdd", "scorer", "--data", data / "scorer", "--listen", "127.0.0.1:0"]
        with herd.running(command, self.folder, SERVER_CORE) as scorer:
            command = [self.bin / "herdd", "router", "--data", data / "router", "--listen", "127.0.0.1:0",
                       "--scorer", scorer.addresses["scorer"]]
            with herd.running(command, self.folder, SERVER_CORE) as router:
                yield router, scorer

    # MARK: memory

    def memory(self) -> None:
        """Resident memory of `herdd all`, idle and with many cached predictions."""
        prompts, models, rows = self.made(models=11, rows=57 * 40, prompts=2_000, words=12)
        data = self.folder / "memory"
        self.prepare(data, models, rows)
        configuration = self.folder / "memory.yaml"
        configuration.write_text("router:\n  cache_max_bytes: 8589934592\n")
        command = [*herd.herd_all(self.bin, data), "--config", configuration]
        with herd.running(command, self.folder) as process:
            tool = herd.Tool(self.bin, process.addresses["router"])
            tool.wait_for_predictor()
            time.sleep(2)
            idle = process.memory()
            self.figures.add("herdd all, idle: RssAnon", idle, "MB", 60)
            predictions = self.count(1_000_000)
            tool.load("--workload", "route", "--prompts", prompts, "--repeats", 0, "--connections", 8, "--in-flight", 32,
                      "--requests", predictions, "--warm-up", 0)
            time.sleep(2)
            loaded = process.memory()
            cached = json.loads(tool.ctl("status", "--json"))["figures"]
            self.figures.add("cached predictions made", cached["cache_misses"], "", at_least=predictions)
            self.figures.add("... with them: RssAnon over idle", loaded - idle, "MB", 50)
            tool.load("--workload", "route", "--prompts", prompts, "--repeats", 1, "--connections", 8, "--in-flight", 32,
                      "--seconds", 3)
            time.sleep(2)
            self.figures.add("... and after 3 s of load from the cache", process.memory() - idle, "MB", 50)
        with herd.running(command, self.folder) as process:
            time.sleep(2)
            self.figures.add("... after a restart: RssAnon", process.memory(), "MB", 110)
            self.figures.add("start to ready with these predictions", process.seconds_to_ready, "s", 0.25)
        shutil.rmtree(data)

    # MARK: import, training, start

    def training(self) -> None:
        """Import of evaluations, and training on them."""
        names = herd.models(20)
        rows = self.folder / "many.jsonl"
        count = self.count(100_000)
        herd.write_evaluations(rows, count, names)
        data = self.folder / "training"
        with herd.running([self.bin / "herdd", "scorer", "--data", data, "--listen", "127.0.0.1:0"],
                          self.folder) as scorer:
            tool = herd.Tool(self.bin, scorer.addresses["scorer"])
            begin = time.monotonic()
            tool.ctl("import", rows, "--timeout", 600)
            self.figures.add("import, 20 models: evaluated prompts per second", count / (time.monotonic() - begin), "/s",
                             at_least=15_000)
            begin = time.monotonic()
            tool.ctl("train", "--promote", "--timeout", 3000)
            self.figures.add(f"training on {count} rows x 20 models", time.monotonic() - begin, "s", 60)
            self.figures.add("... highest resident memory of the scorer (VmHWM)", scorer.memory("VmHWM"), "MB")
            peak = scorer.memory("VmHWM") - scorer.memory("RssFile")
            self.figures.add("... without mapped files (VmHWM less RssFile)", peak, "MB", 2_000)
        shutil.rmtree(data)

    def start(self) -> None:
        """From start to ready with a million evaluations."""
        names = herd.models(5)
        few, many, models = (self.folder / name for name in ("few.jsonl", "million.jsonl", "models.yaml"))
        herd.write_evaluations(few, 57 * 40, names)
        herd.write_herd(models, names)
        count = self.count(1_000_000)
        herd.write_evaluations(many, count, names, words=12, seed=9)
        many_text = many.read_text().replace('{"id":"row-', '{"id":"million-')
        many.write_text(many_text)
        del many_text
        data = self.folder / "start"
        self.prepare(data, models, few)
        with herd.running(herd.herd_all(self.bin, data), self.folder) as process:
            tool = herd.Tool(self.bin, process.addresses["router"])
            begin = time.monotonic()
            tool.ctl("import", many, "--timeout", 600)
            self.figures.add(f"import of {count}, 5 models: evaluated prompts per second",
                             count / (time.monotonic() - begin), "/s", at_least=15_000)
        many.unlink()
        times, work, memory = [], [], []
        for _ in range(max(5, self.rounds)):
            with herd.running(herd.herd_all(self.bin, data), self.folder) as process:
                times.append(process.seconds_to_ready)
                work.append(process.cpu_seconds_to_ready)
                herd.Tool(self.bin, process.addresses["router"]).wait_for_predictor()
                memory.append(process.memory())
        self.figures.add(f"start to ready with {count} evaluations", statistics.median(times), "s", 0.25)
        self.figures.add("... slowest of the starts", max(times), "s")
        self.figures.add("... processor time of a start", statistics.median(work), "s")
        self.figures.add("... RssAnon then", statistics.median(memory), "MB", 60)
        shutil.rmtree(data)

    # MARK: a thousand models

    def registry(self) -> None:
        """Route over a thousand models, and the registry beside it."""
        prompts, models, rows = self.made(models=1000, rows=57 * 10)
        data = self.folder / "registry"
        begin = time.monotonic()
        self.prepare(data, models, rows)
        self.figures.add("1,000 models: added, imported, trained, in force", time.monotonic() - begin, "s")
        with self.pair(data) as (router, scorer):
            tool = herd.Tool(self.bin, router.addresses["router"], LOAD_CORE)
            tool.wait_for_predictor()
            pids = f"{router.pid},{scorer.pid}"
            for name, repeats in (("uncached", 0), ("cached", 1)):
                few = self.folder / "few.txt"
                few.write_text("\n".join(prompts.read_text().splitlines()[:500]) + "\n")
                common = ("--workload", "route", "--prompts", prompts if repeats == 0 else few, "--repeats", repeats,
                          "--server-pid", pids, "--warm-up", 1, "--seconds", self.seconds)
                found = [tool.load(*common, "--connections", 1, "--in-flight", 1, "--seed", seed)
                         for seed in range(self.rounds)]
                self.figures.add(f"1,000 models, {name} Route, 1 x 1: p50",
                                 statistics.median(one["latency_ms"]["p50"] for one in found) * 1e3, "us", 1_000)
                self.figures.add(f"... p99", statistics.median(one["latency_ms"]["p99"] for one in found) * 1e3, "us")
                self.figures.add(f"... router + scorer CPU per request",
                                 statistics.median(one["server_cpu_us_per_request"] for one in found), "us")
            self.beside_load(tool, router, prompts)

    def beside_load(self, tool: herd.Tool, router: herd.Process, prompts: Path) -> None:
        """List and watch while every core's time goes into Route."""
        load = threading.Thread(target=lambda: tool.load(
            "--workload", "route", "--prompts", prompts, "--repeats", 0.5, "--connections", 4, "--in-flight", 4,
            "--seconds", 8, "--warm-up", 0))
        for label, loaded in (("quiet", False), ("beside 4 x 4 Routes", True)):
            if loaded:
                load.start()
                time.sleep(0.5)
            lists, changes = [], []
            watch = subprocess.Popen(
                [str(self.bin / "herdctl"), "model", "watch", "--address", tool.address, "--json"],
                stdout=subprocess.PIPE, text=True)
            try:
                seen: dict[str, float] = {}
                reader = threading.Thread(target=follow, args=(watch, seen), daemon=True)
                reader.start()
                wait_until(lambda: len(seen) >= 1, "the watch began")
                for index in range(10):
                    begin = time.monotonic()
                    tool.ctl("model", "list", "--json")
                    lists.append(time.monotonic() - begin)
                    begin = time.monotonic()
                    tool.ctl("model", "add", "model-0000", "--parameters-b", 1 + 0.001 * (index + 1 + 100 * loaded))
                    marker = f"{1 + 0.001 * (index + 1 + 100 * loaded):g}"
                    wait_until(lambda: any(marker in line for line in list(seen)), "the watch told of the change")
                    changes.append(next(at for line, at in list(seen.items()) if marker in line) - begin)
            finally:
                watch.kill()
                watch.wait()
            self.figures.add(f"1,000 models, {label}: herdctl model list", statistics.median(lists) * 1e3, "ms", 1_000)
            self.figures.add("... a change, from herdctl's start to the watcher", statistics.median(changes) * 1e3, "ms",
                             1_000)
        load.join()


def follow(watch: subprocess.Popen, seen: dict[str, float]) -> None:
    for line in watch.stdout:
        seen[line] = time.monotonic()


def wait_until(condition, what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise herd.Failure(f"in {seconds} s it did not come about that {what}")
        time.sleep(0.001)


SECTIONS = ("prediction", "uncached", "memory", "training", "start", "registry")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=ROOT / ".build/release", help="folder of the programs")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="only this section; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each load (default: 3)")
    parser.add_argument("--seconds", type=float, default=3, help="of each load (default: 3)")
    parser.add_argument("--share", type=float, default=1, help="of the rows and predictions, for a first look (default: 1)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--folder", type=Path, help="where the herds' data goes, deleted afterwards (default: /tmp)")
    options = parser.parse_args()
    figures = Figures()
    try:
        for section in options.only or SECTIONS:
            with tempfile.TemporaryDirectory(prefix="herd-scale-", dir=options.folder) as folder:
                getattr(Measurement(options, Path(folder), figures), section)()
    except herd.Failure as failure:
        print(f"measure.py: {failure}", file=sys.stderr)
        figures.end(options.json)
        return 70
    return figures.end(options.json)


if __name__ == "__main__":
    sys.exit(main())
