#!/usr/bin/env python3
"""kill -9 of a herd at random moments under every method that changes something, and a check of all it had acknowledged.

    kill_loop.py --herdd .build/release/herdd --rounds 200 [--seed 7]

Each round starts the herd, has another process (mixed/load.py) write from a dozen connections, kills the herd after a
random number of acknowledged writes, has `herdd verify` check the stores, starts it again and has a third process
(mixed/verify.py) hold it against the list that the load has kept. Prints the seed, and last "N kills, N writes
acknowledged, N lost"; exits with 1 where a write was lost, a store did not open or verify, or an answer was wrong.
"""

import collections
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


class Loop:
    def __init__(self, options, folder: str):
        self.options, self.folder, self.chance = options, pathlib.Path(folder), random.Random(options.seed)
        self.journal, self.backups = str(self.folder / "journal"), self.folder / "backups"
        self.lost, self.problems = 0, []

    def run(self) -> int:
        from mixed import journal, processes

        began = time.monotonic()
        with processes.Herd(self.options.herdd, str(self.folder)) as self.herd:
            self.herd.start()
            self.herd.prepare()
            since = 0
            for number in range(self.options.rounds):
                self.round(number)
                self.check(number, since)
                since = sum(1 for entry in journal.entries(self.journal) if "kind" in entry)
                if self.problems:
                    break
            if not self.problems:
                self.verify("the end", 0)
                self.restore()
            if self.herd.terminate() != 0:
                self.problems.append("the herd did not end well")
            log = (self.folder / "herdd.log").read_text(errors="replace")
            if log:
                print(f"the log says:\n{log[:2000]}")
            writes = journal.read(self.journal)
            kinds = sorted({write.kind for write in writes})
            self.tell_of_refusals()
            counts = {kind: sum(write.kind == kind and write.is_acknowledged for write in writes) for kind in kinds}
            for problem in self.problems:
                print(f"PROBLEM  {problem}")
            print(", ".join(f"{kind} {count}" for kind, count in counts.items()))
            print(f"{sum(not write.is_acknowledged for write in writes)} were under way at a kill, longest start "
                  f"{self.herd.longest_start:.2f} s, {time.monotonic() - began:.0f} s in all")
            print(f"{number + 1} kills, {sum(counts.values())} writes acknowledged, {self.lost} lost, "
                  f"{len(self.problems)} problems")
        return 1 if self.problems or self.lost else 0

    def tell_of_refusals(self) -> None:
        """What failed for another reason than the kill: tokens whose money is spent."""
        from mixed import journal

        whys: collections.Counter = collections.Counter(
            entry["failed"].split(";")[0][:60] for entry in journal.entries(self.journal) if "failed" in entry)
        print("refused: " + (", ".join(f"{count}x {why}" for why, count in whys.most_common(5)) or "nothing"))

    def round(self, number: int) -> None:
        """The load, and the kill in the middle of it."""
        from mixed import journal

        load = subprocess.Popen([
            sys.executable, str(HERE / "mixed/load.py"), "--address", self.herd.addresses[0], "--token",
            self.herd.token, "--journal", self.journal, "--backups", str(self.backups), "--tag", f"r{number}", "--seed",
            str(self.chance.randrange(1 << 30))], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        before = sum(1 for entry in journal.entries(self.journal) if "ok" in entry)
        enough, pause = before + self.chance.randrange(1, 400), self.chance.random() * 0.05
        deadline = time.monotonic() + 120
        with open(self.journal, "ab+") as lines:
            lines.seek(0)
            seen = 0
            while seen < enough and load.poll() is None and time.monotonic() < deadline:
                seen += lines.read().count(b'"ok"')
                time.sleep(0.001)
        # Anywhere between two writes.
        time.sleep(pause)
        self.herd.kill()
        try:
            _, said = load.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            load.kill()
            _, said = load.communicate()
            self.problems.append(f"round {number}: the load did not notice that the herd was gone")
        if load.returncode != 0:
            self.problems.append(f"round {number}: {said}")

    def check(self, number: int, since: int) -> None:
        stores = subprocess.run([self.options.herdd, "verify", self.herd.data], capture_output=True, text=True)
        if stores.returncode != 0:
            self.problems.append(f"round {number}: the stores are not sound: {stores.stdout}{stores.stderr}")
        from mixed import journal

        self.herd.start()
        self.verify(f"round {number}", since)
        # The last one whole is restored at the end.
        whole = [write for write in journal.read(self.journal) if write.kind == "backup" and write.is_acknowledged]
        for folder in self.backups.glob("*"):
            if not whole or str(folder) != whole[-1].key:
                shutil.rmtree(folder)

    def restore(self) -> None:
        """A herd on the last backup, which was made while money was spent, has all that was acknowledged before it."""
        from mixed import journal, processes

        folder, lines, number = self.folder / "restored", [], None
        backups = [entry["n"] for entry in journal.entries(self.journal) if entry.get("kind") == "backup"]
        done = {entry["n"]: entry["ok"]["paths"][0] for entry in journal.entries(self.journal)
                if entry["n"] in backups and "ok" in entry}
        if not done:
            print("no backup was made")
            return
        last, path = max(done.items())
        folder.mkdir()
        for entry in journal.entries(self.journal):
            if entry["n"] == last and "ok" in entry:
                break
            number = number or (entry["n"] == last)
            # What was acknowledged meanwhile may be in the copy or not.
            if "kind" in entry and entry["n"] != last or "ok" in entry and not number:
                lines.append(json.dumps(entry) + "\n")
        (folder / "journal").write_text("".join(lines))
        copied = subprocess.run([self.options.herdd, "restore", str(pathlib.Path(path).parent), str(folder / "data")],
                                capture_output=True, text=True)
        if copied.returncode != 0:
            self.problems.append(f"the backup can't be restored: {copied.stdout}{copied.stderr}")
            return
        with processes.Herd(self.options.herdd, str(folder), token=self.herd.token) as herd:
            herd.start()
            self.hold("the restored backup", herd, str(folder / "journal"), 0)

    def verify(self, when: str, since: int) -> None:
        self.hold(when, self.herd, self.journal, since)

    def hold(self, when: str, herd, journal: str, since: int) -> None:
        """Has another process hold a herd against a journal."""
        checked = subprocess.run([
            sys.executable, str(HERE / "mixed/verify.py"), "--address", herd.addresses[0], "--token", herd.token,
            "--journal", journal, "--since", str(since), "--herdd", self.options.herdd],
            capture_output=True, text=True)
        broken = checked.stdout.count("BROKEN")
        self.lost += broken
        if checked.returncode != 0:
            self.problems.append(f"{when}: {checked.stdout[-3000:]}{checked.stderr[-2000:]}")
        if self.options.verbose:
            print(f"{when}: {checked.stdout.splitlines()[-1] if checked.stdout else checked.stderr}", flush=True)


def main() -> int:
    from mixed import command

    parser = command.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--verbose", action="store_true", help="a line for each round")
    return command.run(parser.parse_args(), "herd-kill-", Loop)


if __name__ == "__main__":
    sys.exit(main())
