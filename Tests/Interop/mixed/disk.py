"""A disk with a cache that forgets, reorders and tears what was not synchronised, fed with a recorded trace.

The trace is what Tests/HerdStoreTests/Preload/record_writes.c writes down in a herd's process, with marks of the load in
between: number and phase (1 about to be called, 2 acknowledged) of a write in its journal.
"""

import os
import random
import struct

WRITE, DURABLE, SYNC_BEGAN, SYNC_ENDED, TRUNCATED, MARK, RENAMED, FOLDER = range(1, 9)
BEGUN, ACKNOWLEDGED = 1, 2
HEADER = struct.Struct("=5Q")
SECTOR = 512


def mark(trace: int, number: int, phase: int) -> None:
    """Adds a mark of the load to a trace that is open for appending."""
    os.write(trace, HEADER.pack(MARK, 0, number, phase, 0))


def events(path: str):
    """(kind, file, first, second, bytes) of a trace; what a killed process did not finish is left out."""
    with open(path, "rb") as trace:
        while len(header := trace.read(HEADER.size)) == HEADER.size:
            kind, file, first, second, length = HEADER.unpack(header)
            data = trace.read(length)
            if len(data) < length:
                return
            yield kind, file, first, second, data


class File:
    """What a disk has of one file."""

    def __init__(self):
        self.durable, self.pending, self.covered = bytearray(), [], 0
        self.is_named = self.is_name_durable = False

    def apply(self, kind: int, first: int, second: int, data: bytes) -> None:
        if kind == WRITE:
            self.pending.append((second, first, data))
        elif kind == DURABLE:
            for index, (number, offset, written) in enumerate(self.pending):
                if number == second:
                    put(self.durable, offset, written)
                    del self.pending[index]
                    self.covered -= index < self.covered
                    break
        elif kind == SYNC_BEGAN:
            self.covered = len(self.pending)
        elif kind == SYNC_ENDED and first == 0:
            for _, offset, written in self.pending[:self.covered]:
                put(self.durable, offset, written)
            del self.pending[:self.covered]
            self.covered = 0
        elif kind == TRUNCATED and first > len(self.durable):
            self.durable.extend(bytes(first - len(self.durable)))
        elif kind == RENAMED:
            self.is_named = True

    def image(self, chance: random.Random) -> bytearray | None:
        """What the file may hold after a cut now; None where it may not have its name yet."""
        if not self.is_name_durable and not (self.is_named and chance.random() < 0.5):
            return None
        image = bytearray(self.durable)
        extent = max((offset + len(data) for _, offset, data in self.pending), default=0)
        if extent > len(image) and chance.randrange(4) == 0:
            # The file's length may be on the disk before what lies there.
            image.extend(bytes(extent - len(image)))
        way = chance.randrange(6)
        if way == 1:
            for _, offset, data in self.pending:
                put(image, offset, data)
        elif way == 2:
            whole = chance.randrange(len(self.pending) + 1)
            for _, offset, data in self.pending[:whole]:
                put(image, offset, data)
            if whole < len(self.pending):
                tear(image, *self.pending[whole][1:], chance)
        elif way == 3:
            for _, offset, data in chance.sample(self.pending, len(self.pending)):
                if chance.random() < 0.5:
                    put(image, offset, data)
        elif way > 3:
            for _, offset, data in chance.sample(self.pending, len(self.pending)):
                tear(image, offset, data, chance)
        return image


def put(image: bytearray, offset: int, data: bytes) -> None:
    if offset + len(data) > len(image):
        image.extend(bytes(offset + len(data) - len(image)))
    image[offset:offset + len(data)] = data


def tear(image: bytearray, offset: int, data: bytes, chance: random.Random) -> None:
    """Any sectors of a write, which are of the disk wherever the write begins."""
    start = 0
    while start < len(data):
        end = min(len(data), start + SECTOR - (offset + start) % SECTOR)
        if chance.random() < 0.5:
            put(image, offset + start, data[start:end])
        start = end


class Disk:
    """All files of a trace, by the number that the system gave them."""

    def __init__(self):
        self.files: dict[int, File] = {}

    def apply(self, event) -> None:
        kind, file, first, second, data = event
        if kind == FOLDER:
            for one in self.files.values():
                one.is_name_durable = one.is_named
        elif kind != MARK:
            self.files.setdefault(file, File()).apply(kind, first, second, data)
