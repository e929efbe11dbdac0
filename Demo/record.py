#!/usr/bin/env python3
"""Records the demonstration herd: asks every model every prompt, and writes what came of it.

    Scripts/demo/record.sh                  # the recording that is checked in, again
    Scripts/demo/record.sh --out /tmp/r     # elsewhere

Each model runs behind its own llama.cpp server and is asked one prompt at a time, at temperature 0. Prompts are those of
suite.jsonl, which the herd is trained on, and of heldout.jsonl, which it is tested on. Written are evaluations.jsonl and
heldout-evaluations.jsonl (what `herdctl import` reads; the second is for measuring only), answers.jsonl (the expected
answer and each model's own words) and recording.json (what was recorded with what, and how fast it was; the only one
that differs from one recording to the next).
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median
from typing import Any

from models.skills import SKILLS
from tiny_herd import DEMO, recording
from tiny_herd.chat import LONGEST_ANSWER, SEED, ChatError, Reply, ask
from tiny_herd.grading import score
from tiny_herd.herd_file import HERD_FILE, HerdFileError, Model
from tiny_herd.herd_file import read as read_herd
from tiny_herd.llama_server import LlamaServer, ServerError, running
from tiny_herd.recording import Row

SUITES = ("suite.jsonl", "heldout.jsonl")


def prompts() -> list[Row]:
    """Rows to be filled: the prompts of both suites."""
    return [
        Row(item["id"], item["prompt"], item["task"], item["reference"], {}, {}, {})
        for name in SUITES
        for item in recording.records(DEMO / name)
    ]


def record(model: Model, server: LlamaServer, rows: list[Row]) -> dict[str, Any]:
    """Fills one model's column, and returns what was measured."""
    replies: list[Reply] = []
    for row in rows:
        reply = ask(server.url, row.prompt)
        row.answers[model.name] = reply.text
        row.scores[model.name] = score(reply.text, row.expected)
        row.costs[model.name] = model.cost(reply.prompt_tokens, reply.answer_tokens)
        replies.append(reply)
    seconds = sorted(reply.seconds for reply in replies)
    resident = server.resident_bytes()
    return {
        "weights_sha256": hashlib.sha256(model.weights.read_bytes()).hexdigest(),
        "weights_bytes": model.weights.stat().st_size,
        "resident_mb": None if resident is None else round(resident / 1e6),
        "suite": accuracy(model, [row for row in rows if not row.is_held_out]),
        "held_out": accuracy(model, [row for row in rows if row.is_held_out]),
        "mean_prompt_tokens": round(mean(reply.prompt_tokens for reply in replies), 2),
        "mean_answer_tokens": round(mean(reply.answer_tokens for reply in replies), 2),
        "first_token_ms_median": round(median(reply.first_token_seconds for reply in replies) * 1e3, 2),
        "tokens_per_second": tokens_per_second(replies),
        "answer_ms_median": round(median(seconds) * 1e3, 2),
        "answer_ms_p95": round(seconds[len(seconds) * 95 // 100] * 1e3, 2),
    }


def accuracy(model: Model, rows: list[Row]) -> dict[str, float]:
    """Share of the prompts answered rightly, over all and by skill."""
    by_skill = {skill: [row.scores[model.name] for row in rows if row.task == skill] for skill in SKILLS}
    return {"all": round(mean(row.scores[model.name] for row in rows), 4),
            **{skill: round(mean(scores), 4) for skill, scores in by_skill.items()}}


def tokens_per_second(replies: list[Reply]) -> int | None:
    """How fast answers go on once they have begun, at the median; none if no answer went on."""
    rates = [
        (reply.answer_tokens - 1) / (reply.seconds - reply.first_token_seconds)
        for reply in replies
        if reply.answer_tokens > 1 and reply.seconds > reply.first_token_seconds
    ]
    return round(median(rates)) if rates else None


def table(measured: dict[str, dict[str, Any]]) -> str:
    """What was measured, for a person: exact answers to held-out prompts in per cent, then tokens and milliseconds."""
    columns = [*SKILLS, "all"]
    lines = [f"{'held out':18}" + "".join(f"{column:>9}" for column in columns) + f"{'suite':>9}{'tokens':>9}{'ms':>9}"]
    for name, of_model in measured.items():
        shares = [*(of_model["held_out"][column] for column in columns), of_model["suite"]["all"]]
        lines.append(
            f"{name:18}" + "".join(f"{share * 100:9.1f}" for share in shares)
            + f"{of_model['mean_answer_tokens']:9.1f}{of_model['answer_ms_median']:9.2f}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--herd", type=Path, default=HERD_FILE, help="herd file (default: Demo/herd.yaml)")
    parser.add_argument("--out", type=Path, default=DEMO, help="folder of the recording (default: Demo)")
    options = parser.parse_args()
    try:
        herd = read_herd(options.herd)
        rows = prompts()
        with running(herd) as servers:
            measured = {model.name: record(model, servers[model.name], rows) for model in herd}
        options.out.mkdir(parents=True, exist_ok=True)
        recording.write(options.out, rows, {
            "suites": {name: len(recording.records(DEMO / name)) for name in SUITES},
            "server": f"xllamacpp {version('xllamacpp')}",
            "sampling": {"temperature": 0, "seed": SEED, "max_tokens": LONGEST_ANSWER},
            "machine": f"{platform.system()} {platform.machine()}",
            "models": measured,
        })
    except (HerdFileError, ServerError, ChatError, OSError, ValueError, KeyError) as error:
        print(f"record.py: {error}", file=sys.stderr)
        return 2
    print(table(measured))
    print(f"{len(rows)} prompts, {len(herd)} models: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
