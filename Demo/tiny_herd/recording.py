"""The files of a recording: what was asked and answered, and the evaluations that follow from it.

`answers.jsonl` holds what evaluation data has no place for, the expected answer and each model's own words, of every
prompt; `evaluations.jsonl` is what the herd is trained on with `herdctl import`, `heldout-evaluations.jsonl` what it is
tested on, and never imported. All have one line per prompt, in order of the ids.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny_herd import DEMO

ANSWERS = "answers.jsonl"
EVALUATIONS = "evaluations.jsonl"
HELD_OUT = "heldout-evaluations.jsonl"
PROVENANCE = "recording.json"


class RecordingError(Exception):
    """A recording that cannot be read; the message names the file and the remedy."""


@dataclass
class Row:
    """One prompt, the right answer, and what every model made of it."""

    id: str
    prompt: str
    task: str
    expected: str
    answers: dict[str, str]
    scores: dict[str, int]
    costs: dict[str, float]

    @property
    def is_held_out(self) -> bool:
        return self.id.startswith("heldout/")


def write(folder: Path, rows: list[Row], provenance: dict[str, Any]) -> None:
    """Writes the files, each under a temporary name first, so that a recording is replaced or left as it was."""
    rows = sorted(rows, key=lambda row: row.id)
    answers = [{"id": row.id, "expected": row.expected, "answers": in_order(row.answers)} for row in rows]
    replace(folder / ANSWERS, "".join(line(record) for record in answers))
    for name, held_out in ((EVALUATIONS, False), (HELD_OUT, True)):
        replace(folder / name, "".join(
            line({"id": row.id, "prompt": row.prompt, "task": row.task,
                  "scores": in_order(row.scores), "costs": in_order(row.costs)})
            for row in rows if row.is_held_out == held_out))
    replace(folder / PROVENANCE, json.dumps(provenance, indent=2, ensure_ascii=False) + "\n")


def read(folder: Path = DEMO) -> list[Row]:
    """The rows of a recording, in order of their ids."""
    try:
        answers = {record["id"]: record for record in records(folder / ANSWERS)}
        return [
            Row(evaluation["id"], evaluation["prompt"], evaluation["task"], answers[evaluation["id"]]["expected"],
                answers[evaluation["id"]]["answers"], evaluation["scores"], evaluation["costs"])
            for name in (EVALUATIONS, HELD_OUT)
            for evaluation in records(folder / name)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordingError(
            f"the recording in {folder} cannot be read: {error!r}. Make a new one with Scripts/demo/record.sh."
        ) from error


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def in_order(by_model: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(by_model.items()))


def replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
