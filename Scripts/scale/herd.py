"""A herd as processes on cores of its own, what they use of memory and processor, and data that is made up for them."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOPICS = 57
WORDS = (ROOT / "Demo/models/words.txt").read_text().split()
TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """What went wrong, for a person."""


class Process:
    """A herdd that is ready."""

    def __init__(self, command: list[object], folder: Path, core: str | None = None) -> None:
        self.ready = folder / f"ready-{time.monotonic_ns()}.json"
        pin = ["taskset", "-c", core] if core else []
        begin = time.monotonic()
        self.process = subprocess.Popen(
            [*pin, *map(str, command), "--log-level", "error", "--ready-file", str(self.ready)])
        while not self.ready.exists():
            if self.process.poll() is not None or time.monotonic() > begin + 60:
                self.process.kill()
                raise Failure(f"{command[0]} {command[1]} did not get ready")
            time.sleep(0.001)
        self.seconds_to_ready = time.monotonic() - begin
        self.cpu_seconds_to_ready = self.cpu_seconds()
        self.addresses = {name: listen[0] for name, listen in json.loads(self.ready.read_text()).items()
                          if isinstance(listen, list) and listen}

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, key: str = "RssAnon") -> float:
        """A field of /proc/PID/status, in MB of 10^6 bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024 / 1e6
        raise Failure(f"/proc/{self.pid}/status has no {key}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(command: list[object], folder: Path, core: str | None = None):
    process = Process(command, folder, core)
    try:
        yield process
    finally:
        process.stop()


def herd_all(binaries: Path, data: Path) -> list[object]:
    return [binaries / "herdd", "all", "--data", data, "--listen", "127.0.0.1:0", "--scorer-listen", "127.0.0.1:0",
            "--refiner-listen", "127.0.0.1:0"]


def at_once() -> list[str]:
    """In front of a command: it gets its core whenever it wants it, which not everybody may ask for."""
    command = ["chrt", "--fifo", "1"]
    if not shutil.which("chrt") or subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        return []
    return command


class Tool:
    """herdctl and herd-load against one router."""

    def __init__(self, binaries: Path, address: str, core: str | None = None) -> None:
        self.binaries, self.address = binaries, address
        self.pin = ["taskset", "-c", core] if core else []

    def run(self, program: str, *arguments: object) -> str:
        result = subprocess.run([*self.pin, str(self.binaries / program), *map(str, arguments)], capture_output=True,
                                text=True, env={**os.environ, "HERD_ADDRESS": self.address})
        if result.returncode != 0:
            raise Failure(f"{program} {' '.join(map(str, arguments))} ended with {result.returncode}: "
                          f"{result.stderr.strip()[-500:]}")
        return result.stdout

    def ctl(self, *arguments: object) -> str:
        return self.run("herdctl", *arguments)

    def load(self, *arguments: object, may_fail: bool = False) -> dict:
        report = json.loads(self.run("herd-load", "--server", self.address, "--json", *arguments))
        if report["failed"] and not may_fail:
            raise Failure(f"{report['failed']} requests failed: {report['failure_messages']}")
        return report

    def wait_for_predictor(self, prompt: str = "Which of these?") -> dict:
        """The first answer that rests on a predictor."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answer = json.loads(self.ctl("route", prompt, "--json"))
            if answer.get("predictor_version") and not answer.get("degraded"):
                return answer
            time.sleep(0.05)
        raise Failure("the router did not get the scorer's predictor")


def models(count: int) -> list[str]:
    return [f"model-{index:04}" for index in range(count)]


def write_herd(path: Path, names: list[str]) -> None:
    """A herd file that declares what a decision weighs."""
    with path.open("w") as file:
        file.write("models:\n")
        for index, name in enumerate(names):
            file.write(f"  - name: {name}\n    parameters_b: {1 + index % 70}\n    context: 32768\n"
                       f"    price_in: {0.1 + index % 7}\n    price_out: {0.3 + index % 9}\n")


class Writer:
    """Prompts of topics, each topic with words of its own among those that all have."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        shuffled = WORDS[:]
        self.random.shuffle(shuffled)
        self.common = shuffled[:120]
        own = shuffled[120:]
        self.topics = [own[topic::TOPICS] + self.common for topic in range(TOPICS)]

    def prompt(self, topic: int, words: int) -> str:
        return " ".join(self.random.choices(self.topics[topic % TOPICS], k=words))


def write_prompts(path: Path, count: int, words: int = 124) -> None:
    """One a line, of about 128 tokens."""
    writer = Writer(2)
    with path.open("w") as file:
        for index in range(count):
            file.write(writer.prompt(index, words) + "\n")


def write_evaluations(path: Path, rows: int, names: list[str], words: int = 40, seed: int = 1) -> None:
    """Rows on which every model is good at some topics."""
    writer = Writer(seed)
    chance = writer.random
    skill = {name: [chance.random() for _ in range(TOPICS)] for name in names}
    with path.open("w") as file:
        for row in range(rows):
            topic = row % TOPICS
            scores = ",".join(f'"{name}":{int(chance.random() < skill[name][topic])}' for name in names)
            file.write(f'{{"id":"row-{row}","prompt":"{writer.prompt(topic, words)}","task":"task-{topic % 7}",'
                       f'"domain":"topic-{topic}","scores":{{{scores}}}}}\n')
