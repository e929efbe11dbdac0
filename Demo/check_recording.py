#!/usr/bin/env python3
"""Asks the real servers some recorded prompts again and compares the scores, the answers and the costs.

    Scripts/demo/check.sh                            # 50 rows
    Scripts/demo/check.sh --rows 840 --json          # all of them, for a program

Exit status: 0 if every score and cost is as recorded, 1 if one differs, 2 if the check could not be made.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tiny_herd import DEMO, recording
from tiny_herd.chat import ChatError, ask
from tiny_herd.grading import score
from tiny_herd.herd_file import HERD_FILE, HerdFileError, Model
from tiny_herd.herd_file import read as read_herd
from tiny_herd.llama_server import LlamaServer, ServerError, running
from tiny_herd.recording import RecordingError, Row


@dataclass(frozen=True)
class Difference:
    """One answer that is not what was recorded; `what` is score, cost or answer."""

    id: str
    model: str
    what: str
    recorded: str
    measured: str


def differences(row: Row, model: Model, server: LlamaServer) -> list[Difference]:
    """Asks one model one prompt again."""
    reply = ask(server.url, row.prompt)
    pairs = {
        "score": (row.scores[model.name], score(reply.text, row.expected)),
        "cost": (row.costs[model.name], model.cost(reply.prompt_tokens, reply.answer_tokens)),
        "answer": (row.answers[model.name], reply.text),
    }
    return [
        Difference(row.id, model.name, what, str(recorded), str(measured))
        for what, (recorded, measured) in pairs.items()
        if recorded != measured
    ]


def check_complete(rows: list[Row], herd: list[Model]) -> None:
    """Refuses a recording of another herd than the herd file's: there is nothing to compare it with."""
    names = {model.name for model in herd}
    for row in rows:
        if not set(row.scores) == set(row.costs) == set(row.answers) == names:
            raise RecordingError(
                f"{row.id} was recorded with {', '.join(sorted(row.scores))}, the herd is {', '.join(sorted(names))}. "
                "Record again with Scripts/demo/record.sh.")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--herd", type=Path, default=HERD_FILE, help="herd file (default: Demo/herd.yaml)")
    parser.add_argument("--recording", type=Path, default=DEMO, help="folder of the recording (default: Demo)")
    parser.add_argument("--rows", type=int, default=50, help="rows to ask again (default: 50)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of rows (default: 1)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    begun = time.monotonic()
    try:
        herd = read_herd(options.herd)
        rows = recording.read(options.recording)
        check_complete(rows, herd)
        if not 1 <= options.rows <= len(rows):
            parser.error(f"--rows must be from 1 to {len(rows)}, the rows recorded")
        picked = sorted(random.Random(options.seed).sample(rows, options.rows), key=lambda row: row.id)
        with running(herd) as servers:
            found = [
                difference
                for model in herd
                for row in picked
                for difference in differences(row, model, servers[model.name])
            ]
    except (HerdFileError, RecordingError, ServerError, ChatError) as error:
        print(f"check_recording.py: {error}", file=sys.stderr)
        return 2
    count = {what: sum(1 for difference in found if difference.what == what) for what in ("score", "cost", "answer")}
    report = {
        "rows": len(picked),
        "seed": options.seed,
        "models": [model.name for model in herd],
        "answers": len(picked) * len(herd),
        "different_scores": count["score"],
        "different_costs": count["cost"],
        "different_answers": count["answer"],
        "differences": [asdict(difference) for difference in found],
        "seconds": round(time.monotonic() - begun, 2),
    }
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        for difference in found:
            print(f"{difference.id} {difference.model}: {difference.what} recorded {difference.recorded!r}, "
                  f"now {difference.measured!r}")
        print(f"{report['answers']} answers of {report['rows']} rows (seed {options.seed}) in {report['seconds']} s: "
              + ", ".join(f"{number} {what}s differ" for what, number in count.items()))
    return 1 if count["score"] or count["cost"] else 0


if __name__ == "__main__":
    sys.exit(main())
