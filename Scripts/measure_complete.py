#!/usr/bin/env python3
"""What Complete adds to the time of an answer: the same prompts to the same llama.cpp server, asked directly and through
the router, in turns, in one run.

Both ways are a plain socket and a few lines of Python. The direct way connects for each request, since llama.cpp closes the
connection after each stream; so does the router on its side. Both end when the last byte of the answer's end is there.
Every prompt is a new one, so that each routed request is predicted, not looked up; --cached asks one prompt again and again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = {"temperature": 0, "seed": 0, "max_tokens": 16}


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return out + bytes((value,))


def field(number: int, value: int | bytes | str) -> bytes:
    """One field of a packed message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


class Router:
    """A connection to the router, and Complete on it."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.call = 0
        self.buffer = b""
        self.send(field(1, 1) + field(10, 1))

    def send(self, frame: bytes) -> None:
        self.socket.sendall(struct.pack(">I", len(frame)) + frame)

    def frame(self) -> bytes:
        while len(self.buffer) < 4 or len(self.buffer) < 4 + struct.unpack_from(">I", self.buffer)[0]:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("the router closed the connection")
            self.buffer += data
        length = struct.unpack_from(">I", self.buffer)[0]
        frame, self.buffer = self.buffer[4:4 + length], self.buffer[4 + length:]
        return frame

    def complete(self, prompt: str) -> bytes:
        """All that came before the call's end."""
        self.call += 1
        options = varint(1 << 3 | 1) + struct.pack("<d", OPTIONS["temperature"])
        options += field(3, OPTIONS["seed"]) + field(4, OPTIONS["max_tokens"])
        request = field(1, field(1, prompt)) + field(2, options)
        self.send(field(1, 2) + field(2, self.call) + field(3, "herd.v1.Router/Complete") + field(4, 10_000_000)
                  + field(5, request) + field(9, 1000))
        answer = b""
        while True:
            frame = self.frame()
            # The kind is the first field of every frame: 3 MESSAGE, 4 END, 9 GOAWAY.
            if frame[1] == 3:
                answer += frame
            elif frame[1] in (4, 9):
                return answer


def direct(host: str, port: int, prompt: str) -> bytes:
    """The same completion from llama.cpp itself: all that came up to the stream's end."""
    body = json.dumps({"model": "tiny-copy", "messages": [{"role": "user", "content": prompt}], **OPTIONS,
                       "stream": True, "stream_options": {"include_usage": True}}).encode()
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    with socket.create_connection((host, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head + body)
        answer = b""
        while b"data: [DONE]" not in answer[-64:]:
            data = connection.recv(65536)
            if not data:
                break
            answer += data
        return answer


@contextlib.contextmanager
def model_server():
    process = subprocess.Popen(
        [sys.executable, ROOT / "Demo/tiny_herd/serve_one.py", "tiny-copy", ROOT / "Demo/models/gguf/tiny-copy.gguf",
         "--slots", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        host, port = url.removeprefix("http://").split(":")
        yield host, int(port), url
    finally:
        process.stdin.close()
        process.wait(10)


@contextlib.contextmanager
def herd(build: Path, folder: Path, url: str):
    ready = folder / "ready.json"
    process = subprocess.Popen(
        [build / "herdd", "all", "--data", folder / "data", "--listen", "127.0.0.1:0", "--scorer-listen",
         "127.0.0.1:0", "--refiner-listen", "127.0.0.1:0", "--ready-file", ready, "--log-level", "error"])
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise SystemExit("measure_complete.py: herdd did not start; what it said stands above")
            time.sleep(0.01)
        address = json.loads(ready.read_text())["router"][0]
        ctl = [build / "herdctl"]
        environment = {**os.environ, "HERD_ADDRESS": address}
        for command in (["model", "add", "tiny-copy", "--free", "--endpoint", f"{url}/v1"],
                        ["import", ROOT / "Demo/evaluations.jsonl"], ["train", "--promote"]):
            subprocess.run(ctl + command, env=environment, check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        host, port = address.split(":")
        yield host, int(port)
    finally:
        process.terminate()
        process.wait(30)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / ".build/release", help="folder of herdd and herdctl")
    parser.add_argument("--requests", type=int, default=500, help="of each way (default: 500)")
    parser.add_argument("--cached", action="store_true", help="ask one prompt again and again")
    options = parser.parse_args()
    words = (ROOT / "Demo/models/words.txt").read_text().split()
    with model_server() as (host, port, url), tempfile.TemporaryDirectory() as folder, \
            herd(options.build, Path(folder), url) as address:
        router = Router(*address)
        times: dict[str, list[float]] = {"direct": [], "routed": []}
        ways = {"direct": lambda prompt: direct(host, port, prompt), "routed": router.complete}
        for index in range(-50, options.requests):
            word = words[0] if options.cached else f"{words[index % len(words)][:6]}{index % 97}"
            prompt = f"Repeat after me: {word}"
            order = list(ways)
            random.shuffle(order)
            for way in order:
                start = time.perf_counter()
                answer = ways[way](prompt)
                seconds = time.perf_counter() - start
                if b"finish" not in answer and b"stop" not in answer and b"length" not in answer:
                    raise SystemExit(f"measure_complete.py: {way} brought no whole answer: {answer[-300:]!r}")
                if index >= 0:
                    times[way].append(seconds * 1e3)
    medians = {way: statistics.median(values) for way, values in times.items()}
    for way, values in times.items():
        values.sort()
        print(f"{way}: median {medians[way]:.3f} ms, p90 {values[len(values) * 9 // 10]:.3f} ms, of {len(values)}")
    print(f"Complete adds {medians['routed'] - medians['direct']:.3f} ms to the median"
          f" ({'one cached prompt' if options.cached else 'every prompt a new one'})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
