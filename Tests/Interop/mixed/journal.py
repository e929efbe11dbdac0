"""The list of writes that the load keeps: a line before each call and one after it, each in the kernel before it goes on.

    {"n": 7, "kind": "model", "key": "m3", "value": 4.0}     about to be written; a value of null removes
    {"n": 7, "ok": {...}}                                     acknowledged, with what came back
    {"n": 7, "failed": "code 14: ..."}                        nobody knows
"""

import itertools
import json
import os
import threading

from mixed import disk


class Journal:
    """Written by the load, from many threads."""

    def __init__(self, path: str, trace: str = ""):
        """With a trace of what the herd writes, each line is marked in it."""
        self.trace = os.open(trace, os.O_WRONLY | os.O_APPEND) if trace else None
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        start = sum(1 for entry in entries(path) if "kind" in entry)
        self.numbers, self.lock, self.acknowledged, self.strange = itertools.count(start), threading.Lock(), 0, []

    def begin(self, kind: str, key: str, value) -> int:
        with self.lock:
            number = next(self.numbers)
        self.line(n=number, kind=kind, key=key, value=value)
        self.mark(number, disk.BEGUN)
        return number

    def ok(self, number: int, **result) -> None:
        self.line(n=number, ok=result)
        self.mark(number, disk.ACKNOWLEDGED)
        with self.lock:
            self.acknowledged += 1

    def failed(self, number: int, why: object) -> None:
        self.line(n=number, failed=str(why))

    def mark(self, number: int, phase: int) -> None:
        if self.trace is not None:
            disk.mark(self.trace, number, phase)

    def line(self, **entry) -> None:
        data = json.dumps(entry).encode() + b"\n"
        written = os.write(self.file, data)
        assert written == len(data), "the journal can't be written"


def entries(path: str):
    """What is in a journal; a last line that the load did not finish is left out."""
    try:
        with open(path, "rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)
    except FileNotFoundError:
        return


class Write:
    """One call of the list: what it was to do, and what came of it as far as the caller knows."""

    def __init__(self, entry: dict):
        self.number, self.kind, self.key, self.value = entry["n"], entry["kind"], entry["key"], entry["value"]
        self.result = None

    @property
    def is_acknowledged(self) -> bool:
        return self.result is not None


def read(path: str) -> list[Write]:
    """The calls of a journal in the order in which they began."""
    writes: dict[int, Write] = {}
    for entry in entries(path):
        if "kind" in entry:
            writes[entry["n"]] = Write(entry)
        elif "ok" in entry:
            writes[entry["n"]].result = entry["ok"]
    return list(writes.values())
