#!/usr/bin/env python3
"""Power cuts under a herd that spends money, makes tokens and writes transcripts: what its disk may hold after each is
opened by a herd and held against what was acknowledged until then.

    power_loss.py --herdd .build/release/herdd --cuts 40 [--seconds 4] [--seed 7]

Records every write of one herd under the load of mixed/load.py, then cuts the power at random points of the recording:
writes that were not synchronised are lost, reordered and torn in any combination (mixed/disk.py). Each time `herdd verify`
checks the stores, a herd starts on them, and mixed/verify.py reads the list of writes as it was at that moment. Prints
the seed, and last "N cuts, N broke a promise"; exits with 1 where one did. --lies has the disk lose all it ever promised
to keep, which must be noticed: the check of the check.
"""

import json
import os
import pathlib
import random
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

RECORDER = HERE.parent / "HerdStoreTests/Preload/record_writes.c"


class PowerLoss:
    def __init__(self, options, folder: str):
        self.options, self.folder, self.chance = options, pathlib.Path(folder), random.Random(options.seed)
        self.trace, self.journal = str(self.folder / "trace"), str(self.folder / "journal")

    def record(self) -> None:
        from mixed import processes

        library = str(self.folder / "record_writes.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, str(RECORDER), "-ldl", "-lpthread"], check=True)
        (self.folder / "first").mkdir()
        recorded = {"LD_PRELOAD": library, "HERD_WRITE_TRACE": self.trace}
        with processes.Herd(self.options.herdd, str(self.folder / "first"), recorded) as herd:
            self.token, self.model_url = herd.token, herd.model_url
            herd.start()
            herd.prepare()
            load = subprocess.run([
                sys.executable, str(HERE / "mixed/load.py"), "--address", herd.addresses[0], "--token", herd.token,
                "--journal", self.journal, "--trace", self.trace, "--seconds", str(self.options.seconds), "--seed",
                str(self.chance.randrange(1 << 30))], capture_output=True, text=True)
            herd.kill()
            self.files = {os.stat(f"{herd.data}/{service}/data.mdb").st_ino: service
                          for service in ("router", "scorer", "refiner")}
        if load.returncode != 0:
            raise SystemExit(f"power_loss.py: the load failed: {load.stderr}")

    def run(self) -> int:
        from mixed import disk, processes

        self.record()
        recorded = list(disk.events(self.trace))
        # Before the load has begun there is nothing to lose.
        first = next(place for place, event in enumerate(recorded) if event[0] == disk.MARK)
        places = sorted(self.chance.randrange(first, len(recorded) + 1) for _ in range(self.options.cuts))
        state, marks, done, broken = disk.Disk(), {disk.BEGUN: set(), disk.ACKNOWLEDGED: set()}, 0, 0
        for number, place in enumerate(places):
            for event in recorded[done:place]:
                state.apply(event)
                if event[0] == disk.MARK:
                    marks[event[3]].add(event[2])
            done = place
            folder = self.folder / f"cut-{number}"
            problem = self.cut(state, marks[disk.BEGUN], marks[disk.ACKNOWLEDGED], folder)
            if problem:
                broken += 1
                print(f"BROKEN  cut at {place} of {len(recorded)}: {problem}")
            subprocess.run(["rm", "-rf", str(folder)], check=True)
        print(f"{len(recorded)} recorded, {len(marks[disk.ACKNOWLEDGED])} writes acknowledged at the last cut")
        print(f"{len(places)} cuts, {broken} broke a promise")
        return 1 if broken else 0

    def cut(self, state, begun: set, acknowledged: set, folder: pathlib.Path) -> str:
        """What is wrong with the herd that starts on what is left; empty where nothing is."""
        from mixed import journal, processes

        for file, service in self.files.items():
            (folder / "data" / service).mkdir(parents=True)
            one = state.files[file]
            image = one.image(self.chance) if not self.options.lies else bytearray(len(one.durable))
            if image is None:
                return f"the store of the {service} has no name"
            (folder / "data" / service / "data.mdb").write_bytes(image)
        with open(folder / "journal", "w") as lines:
            for entry in journal.entries(self.journal):
                if entry["n"] in begun and ("kind" in entry or "ok" in entry and entry["n"] in acknowledged):
                    lines.write(json.dumps(entry) + "\n")
        stores = subprocess.run([self.options.herdd, "verify", str(folder / "data")], capture_output=True, text=True)
        if stores.returncode != 0:
            return f"the stores are not sound: {stores.stdout}{stores.stderr}"
        with processes.Herd(self.options.herdd, str(folder), token=self.token) as herd:
            herd.start()
            checked = subprocess.run([
                sys.executable, str(HERE / "mixed/verify.py"), "--address", herd.addresses[0], "--token", herd.token,
                "--journal", str(folder / "journal")], capture_output=True, text=True)
            return "" if checked.returncode == 0 else f"{checked.stdout[-2000:]}{checked.stderr[-2000:]}"


def main() -> int:
    from mixed import command

    parser = command.parser(__doc__)
    parser.add_argument("--cuts", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=4, help="of load that is recorded")
    parser.add_argument("--lies", action="store_true", help="the disk keeps nothing; exits with 1")
    return command.run(parser.parse_args(), "herd-cut-", PowerLoss)


if __name__ == "__main__":
    sys.exit(main())
