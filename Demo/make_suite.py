#!/usr/bin/env python3
"""Writes the demonstration's two suites: what the herd is trained on, and what it is tested on.

    Demo/make_suite.py               # Demo/suite.jsonl and Demo/heldout.jsonl, as they are checked in
    Demo/make_suite.py --out /tmp/s --seed 2

suite.jsonl asks in the training wordings of wordings.json, heldout.jsonl in the held-out ones; no wording, no word, no
sum and no day is in both, and none of the words, sums and days was seen by a model in training. Both are what
`herdctl evaluate` reads. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

from models.questions import Pool
from models.skills import SKILLS, Skill

FOLDER = Path(__file__).resolve().parent
SUITES = {"suite": Pool.SUITE, "heldout": Pool.HELD_OUT}


def items(skill: Skill, name: str, pool: Pool, per_wording: int, seed: int) -> list[dict[str, str]]:
    """The skill's questions of one suite: as many for each wording, no prompt twice."""
    rng = random.Random(f"{seed} {name} {skill.name}")
    wordings = skill.suite if pool is Pool.SUITE else skill.held_out
    drawn: dict[str, str] = {}
    for wording in wordings:
        wanted = len(drawn) + per_wording
        while len(drawn) < wanted:
            problem = skill.problem(rng, pool, wording)
            drawn.setdefault(problem.prompt, problem.answer)
    return [
        {"id": f"{name}/{skill.name}/{number:03d}", "prompt": prompt, "task": skill.name, "reference": answer,
         "grader": "exact"}
        for number, (prompt, answer) in enumerate(drawn.items())
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-wording", type=int, default=5, help="prompts of each wording (default: 5)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of prompts (default: 1)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the files (default: Demo)")
    options = parser.parse_args()
    if not 1 <= options.per_wording <= 50:
        parser.error("--per-wording must be from 1 to 50")
    options.out.mkdir(parents=True, exist_ok=True)
    for name, pool in SUITES.items():
        lines = [
            json.dumps(item, ensure_ascii=False) + "\n"
            for skill in SKILLS.values()
            for item in items(skill, name, pool, options.per_wording, options.seed)
        ]
        (options.out / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        print(f"{len(lines)} prompts in {options.out / name}.jsonl")
    return 0


if __name__ == "__main__":
    sys.exit(main())
