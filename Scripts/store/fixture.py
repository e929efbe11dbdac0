#!/usr/bin/env python3
"""Stores that a program of an earlier schema has written with everything that they can hold, and the list of what is in
them: models, policies, tokens, decisions with feedback, evaluations, suites with answers, predictors, transcripts, audit.

    fixture.py make HERDD FOLDER [--before-money]   has HERDD write them to FOLDER, which must not be there; once for each schema
    fixture.py check HERDD FOLDER                   has HERDD open a copy of them, and holds it against the list

`check` prints what is missing; both exit with 1 where something is wrong.
"""

import argparse
import gzip
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
INTEROP = pathlib.Path(__file__).resolve().parents[2] / "Tests/Interop"
sys.path.insert(0, str(INTEROP))

import check_wire

SERVICES = ("router", "scorer", "refiner")


def make(herdd: str, target: pathlib.Path, folder: pathlib.Path, plain: bool) -> int:
    from mixed import processes

    with processes.Herd(herdd, str(folder)) as herd:
        herd.start()
        herd.prepare()
        load = subprocess.run([
            sys.executable, str(INTEROP / "mixed/load.py"), "--address", herd.addresses[0], "--token", herd.token,
            "--journal", str(folder / "journal"), "--seconds", "4", "--pause", "0.15", "--tag", "fixture",
            *(["--plain"] if plain else [])])
        if load.returncode != 0 or herd.terminate() != 0:
            return 1
        target.mkdir(parents=True)
        (target / "token").write_text(herd.token + "\n")
        (target / "journal").write_bytes((folder / "journal").read_bytes())
        for service in SERVICES:
            data = pathlib.Path(herd.data, service, "data.mdb").read_bytes()
            (target / f"{service}.mdb.gz").write_bytes(gzip.compress(data, 9, mtime=0))
    return 0


def check(herdd: str, target: pathlib.Path, folder: pathlib.Path) -> int:
    from mixed import processes

    for service in SERVICES:
        (folder / "data" / service).mkdir(parents=True)
        data = gzip.decompress((target / f"{service}.mdb.gz").read_bytes())
        (folder / "data" / service / "data.mdb").write_bytes(data)
    with processes.Herd(herdd, str(folder), token=(target / "token").read_text().strip()) as herd:
        herd.start()
        checked = subprocess.run([
            sys.executable, str(INTEROP / "mixed/verify.py"), "--address", herd.addresses[0], "--token", herd.token,
            "--journal", str(target / "journal")])
        if checked.returncode != 0 or herd.terminate() != 0:
            return 1
        return subprocess.run([herdd, "verify", herd.data], stdout=subprocess.DEVNULL).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "check"])
    parser.add_argument("herdd")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--before-money", action="store_true", help="HERDD knows of no money: schema 3")
    options = parser.parse_args()
    if options.what == "make" and options.folder.exists():
        parser.error(f"{options.folder} is there; a fixture is never made anew")
    with tempfile.TemporaryDirectory() as messages, tempfile.TemporaryDirectory(prefix="herd-fixture-") as folder:
        check_wire.compile_messages(messages)
        herdd = os.path.abspath(options.herdd)
        if options.what == "make":
            return make(herdd, options.folder, pathlib.Path(folder), options.before_money)
        return check(herdd, options.folder, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
