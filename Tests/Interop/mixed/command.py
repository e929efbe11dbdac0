"""What the programs that break a herd have in common: their options, their seed and the folders they work in."""

import argparse
import os
import random
import tempfile

import check_wire


def parser(description: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--herdd", required=True, metavar="PATH")
    made.add_argument("--seed", type=int, help="of all that is random; printed, and new for each run unless given")
    return made


def run(options: argparse.Namespace, prefix: str, make) -> int:
    """Has what `make` gives of the options and a folder run with Herd's messages compiled."""
    options.seed = random.randrange(1 << 32) if options.seed is None else options.seed
    options.herdd = os.path.abspath(options.herdd)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as messages, tempfile.TemporaryDirectory(prefix=prefix) as folder:
        check_wire.compile_messages(messages)
        return make(options, folder).run()
