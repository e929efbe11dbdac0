#!/usr/bin/env python3
"""Measures what crowds cost a herd: 10,000 connections that say nothing, and floods of connection attempts and of HELLOs
that are none, beside a client that calls all the while.

One herd on one core, crowds and client on another. Ratios compare a client's calls during the flood with its calls right
before it; the figures printed are medians of all rounds. Afterwards the herd has as many connections and descriptors as
before. Ends with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import resource
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path

import herd
import measure
import overload

# A frame that is none, a length over the limit, a REQUEST before HELLO, and a version that there is not.
MALFORMED = (bytes.fromhex("00000008ffffffffffffffff"), bytes.fromhex("7fffffff"),
             bytes.fromhex("00000004") + bytes([0x08, 0x02, 0x10, 0x01]),
             bytes.fromhex("00000004") + bytes([0x08, 0x01, 0x50, 0x63]))
FLOODERS = 4
RESET = struct.pack("ii", 1, 0)


def hello(token: str) -> bytes:
    """A HELLO of version 1, with the token where there is one."""
    frame = bytes([0x08, 0x01, 0x50, 0x01])
    if token:
        pair = b"".join(bytes([tag, len(text)]) + text
                        for tag, text in ((0x0a, b"authorization"), (0x12, b"Bearer " + token.encode())))
        assert len(pair) < 128, "a length of one byte"
        # Field 8, metadata.
        frame += bytes([0x42, len(pair)]) + pair
    return struct.pack(">I", len(frame)) + frame


def split(address: str) -> tuple[str, int]:
    host, port = address.rsplit(":", 1)
    return host, int(port)


def flood(address: tuple[str, int], count: int, kind: str, core: int) -> None:
    """So many attempts, as fast as they go; each is closed without waiting for an answer."""
    os.sched_setaffinity(0, {core})
    os.nice(19)
    # Each address of this machine has ports of its own.
    sources = itertools.cycle([f"127.0.0.{last}" for last in range(2, 12)])
    for number in range(count):
        peer = socket.socket()
        # Where the queue of those to be accepted is full, the next attempt comes all the same.
        peer.settimeout(0.02)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        peer.bind((next(sources), 0))
        try:
            peer.connect(address)
            if kind == "hello":
                peer.sendall(MALFORMED[number % len(MALFORMED)])
        except OSError:
            pass
        peer.close()


def last_end(flooders: list[multiprocessing.Process]) -> float:
    for flooder in flooders:
        flooder.join()
    return time.monotonic()


class Crowd:
    def __init__(self, options: argparse.Namespace, process: herd.Process, prompts: Path | None) -> None:
        self.options, self.process = options, process
        # Nine of ten prompts are known to the herd.
        routes = ("--workload", "route", "--prompts", prompts, "--repeats", 0.9)
        self.calls = routes if prompts else ("--workload", "echo")
        self.tool = herd.Tool(options.bin, process.addresses["router"], measure.LOAD_CORE)
        # The good client shares its core with the flood, and is to wait for the herd, not for that.
        self.tool.pin += herd.at_once()
        self.address = split(process.addresses["router"])

    def idle(self) -> float:
        """Bytes of anonymous memory for each connection that has said HELLO and nothing since."""
        before = self.process.memory()
        peers = []
        for number in range(self.options.connections):
            peer = socket.socket()
            peer.bind((f"127.0.0.{2 + number % 10}", 0))
            peer.connect(self.address)
            peer.sendall(hello(os.environ.get("HERD_TOKEN", "")))
            peers.append(peer)
        for peer in peers:
            peer.settimeout(30)
            if len(peer.recv(4096)) < 8:
                raise herd.Failure("a connection was closed")
        # What the next burst might have used is given back after five seconds.
        time.sleep(self.options.settle)
        after = self.process.memory()
        for peer in peers:
            peer.close()
        return (after - before) * 1e6 / self.options.connections

    def good(self, seconds: float, seed: int) -> dict:
        return self.tool.load(*self.calls, "--rate", 500, "--connections", 1, "--seconds", seconds, "--warm-up",
                              0.2, "--seed", seed, may_fail=True)

    def beside(self, kind: str, seed: int) -> dict[str, float]:
        """A good client's calls during a flood, of those before it."""
        calm = self.good(self.options.seconds, seed)
        share = self.options.attempts // FLOODERS
        flooders = [multiprocessing.Process(target=flood, args=(self.address, share, kind, 1)) for _ in range(FLOODERS)]
        begin = time.monotonic()
        for flooder in flooders:
            flooder.start()
        ends: list[float] = []
        watcher = threading.Thread(target=lambda: ends.append(last_end(flooders)))
        watcher.start()
        reports = []
        while not reports or any(flooder.is_alive() for flooder in flooders):
            seed += 1
            reports.append(self.good(self.options.seconds, seed))
        watcher.join()
        seconds = ends[0] - begin
        latency = {name: statistics.median(report["latency_ms"][name] for report in reports) for name in ("p50", "p99")}
        return {
            "attempts a second": self.options.attempts / seconds,
            "p50": latency["p50"] / calm["latency_ms"]["p50"],
            "p99": latency["p99"] / calm["latency_ms"]["p99"],
            "p50 ms": latency["p50"],
            "p99 ms": latency["p99"],
            "failed": sum(report["failed"] for report in reports),
            "answered": sum(report["requests"] for report in reports),
        }

    def open(self) -> tuple[int, int]:
        """Connections that the herd has, and descriptors."""
        connections = json.loads(self.tool.ctl("status", "--json"))["connections"]
        return connections, len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def left(self, before: tuple[int, int]) -> tuple[int, int]:
        """How many more it has than before, once it has noticed that the crowd is gone."""
        deadline = time.monotonic() + 15
        while any(left := tuple(max(0, now - then) for now, then in zip(self.open(), before))):
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        return left


def prepare(options: argparse.Namespace, folder: Path) -> Path | None:
    """What the herd is to have: for routes models and a predictor, for calls with a token one. The file of prompts."""
    prompts, data = None, folder / "data"
    if options.workload == "route":
        measurement = measure.Measurement(options, folder, measure.Figures())
        prompts, models, rows = measurement.made(models=5, rows=57 * 4, prompts=1_000)
        measurement.prepare(data, models, rows)
    if options.token:
        os.environ["HERD_TOKEN"] = overload.token(options, data, "admin")
    return prompts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=herd.ROOT / ".build/release", help="folder of the programs")
    parser.add_argument("--rounds", type=int, default=3, help="floods of each kind (default: 3)")
    parser.add_argument("--connections", type=int, default=10_000, help="that say nothing (default: 10000)")
    parser.add_argument("--attempts", type=int, default=100_000, help="of each flood (default: 100000)")
    parser.add_argument("--seconds", type=float, default=3, help="of each run of the good client (default: 3)")
    parser.add_argument("--settle", type=float, default=7, help="seconds before idle memory is read (default: 7)")
    parser.add_argument("--workload", choices=["echo", "route"], default="echo", help="of that client (default: echo)")
    parser.add_argument("--token", action="store_true", help="the herd lets in by token, which that client has")
    parser.add_argument("--untimed", action="store_true", help="no targets for time and memory: the machine is busy")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    options.share = 1.0

    def most(limit: float) -> float | None:
        return None if options.untimed else limit

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < options.connections + 100:
        print(f"crowd.py: this process may open {hard} files only; raise ulimit -n", file=sys.stderr)
        return 77
    figures = measure.Figures()
    try:
        with tempfile.TemporaryDirectory(prefix="herd-crowd-") as name:
            folder = Path(name)
            prompts = prepare(options, folder)
            with herd.running(herd.herd_all(options.bin, folder / "data"), folder, measure.SERVER_CORE) as process:
                crowd = Crowd(options, process, prompts)
                if prompts:
                    crowd.tool.wait_for_predictor(prompts.read_text().splitlines()[0])
                crowd.good(1, 1)
                before = crowd.open()
                figures.add(f"memory of each of {options.connections:,} idle connections", crowd.idle(), "bytes",
                            at_most=most(10_000))
                for kind, text in (("connect", "connection attempts"), ("hello", "malformed HELLOs")):
                    rows = [crowd.beside(kind, 100 * number) for number in range(options.rounds)]
                    for row in rows:
                        print(kind, {key: round(value, 2) for key, value in row.items()}, file=sys.stderr)
                    median = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
                    flooded = f"{options.attempts:,} {text}"
                    figures.add(f"{flooded}: a second", median["attempts a second"], "/s")
                    figures.add(f"{flooded}: a good client's p50, of that before", median["p50"], "x", at_most=most(3))
                    figures.add(f"{flooded}: its p99, of that before", median["p99"], "x", at_most=most(3))
                    figures.add(f"{flooded}: its calls that failed", sum(row["failed"] for row in rows), "", at_most=0)
                    figures.add(f"{flooded}: its calls answered", sum(row["answered"] for row in rows), "", at_least=1)
                connections, descriptors = crowd.left(before)
                figures.add("connections afterwards, over those before", connections, "", at_most=0)
                figures.add("descriptors afterwards, over those before", descriptors, "", at_most=0)
    except herd.Failure as failure:
        print(f"crowd.py: {failure}", file=sys.stderr)
        return 70
    return figures.end(options.json)


if __name__ == "__main__":
    sys.exit(main())
