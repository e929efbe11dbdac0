#!/usr/bin/env python3
"""Calls every method of a herd, most of all those that change something, from a thread and a connection for each kind,
until it is gone.

    load.py --address 127.0.0.1:7601 --token herd_... --journal FILE --tag r7 --seed 7 [--seconds 60 --pause 0.01]

What it is about to do, and what was acknowledged, goes to the journal. With --seconds it ends by itself after that time;
without, when the herd is killed. Exits with 1 where an answer was none that the herd may give.
"""

import argparse
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import check_wire

#: Of a herd that goes down, and of one that is busy.
UNAVAILABLE, RESOURCE_EXHAUSTED = 14, 8


class Load:
    def __init__(self, options, journal):
        self.options, self.journal = options, journal
        self.end = time.monotonic() + options.seconds if options.seconds else float("inf")
        self.calls = self.shed = 0

    def run(self) -> bool:
        from mixed import kinds

        threads = [threading.Thread(target=self.work, args=(number, kind), daemon=True)
                   for number, kind in enumerate(kinds.BEFORE_MONEY if self.options.plain else kinds.ALL)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"{self.calls} rounds of calls, {self.shed} put off as the herd was busy")
        for line in self.journal.strange:
            print(f"load.py: {line}", file=sys.stderr)
        return not self.journal.strange

    def once(self, doing) -> None:
        """Tries again when the herd says that it is busy."""
        from herd_client import CallFailed

        try:
            doing.once()
            self.calls += 1
        except CallFailed as failure:
            pause = failure.metadata.get("retry-after-ms")
            if failure.goaway or failure.code != RESOURCE_EXHAUSTED or not pause:
                raise
            self.shed += 1
            time.sleep(int(pause) / 1_000)

    def work(self, number: int, kind) -> None:
        from herd_client import CallFailed
        from mixed import processes

        chance = random.Random(self.options.seed * 1_000 + number)
        try:
            client = processes.connect(self.options.address, self.options.token)
            doing = kind(client, self.journal, chance, f"{self.options.tag}-{number}", self.options)
            while time.monotonic() < self.end:
                self.once(doing)
                pause = self.options.pause * doing.rarity or doing.pause
                if pause:
                    time.sleep(pause * chance.uniform(0.5, 1.5))
            doing.close()
        except (EOFError, OSError):
            if self.options.seconds:
                self.journal.strange.append(f"{kind.__name__}: the connection was lost")
        except CallFailed as failure:
            if not failure.goaway and failure.code != UNAVAILABLE or self.options.seconds:
                self.journal.strange.append(f"{kind.__name__}: {failure}")
        except BaseException as failure:
            self.journal.strange.append(f"{kind.__name__}: {failure!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--journal", required=True)
    parser.add_argument("--trace", default="", help="a recording of the herd's writes to mark each call in")
    parser.add_argument("--backups", default="", help="folder for backups; none are made without")
    parser.add_argument("--plain", action="store_true", help="only methods that programs before money have, too")
    parser.add_argument("--tag", default="a", help="what the names of this run begin with")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--pause", type=float, default=0, help="seconds between two calls of a thread")
    parser.add_argument("--keys", type=int, default=0, help="so many names are used over and over; 0 = ever new ones")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        check_wire.compile_messages(folder)
        from mixed import journal

        return 0 if Load(options, journal.Journal(options.journal, options.trace)).run() else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
