#!/usr/bin/env python3
"""Records the demonstration herd: asks every model every prompt, and writes what came of it.

    Scripts/demo/record.sh                          # the recording that is checked in, again
    Scripts/demo/record.sh --seed 2 --out /tmp/r    # other prompts, elsewhere

Each model runs behind its own llama.cpp server and is asked one prompt at a time, at temperature 0. Prompts are drawn,
by the seed, from what the models were not trained on. Written are evaluations.jsonl (the input of `herdctl import`),
answers.jsonl (the expected answer and each model's own words) and recording.json (what was recorded with what, and how
fast it was; the only one of the three that differs from one recording to the next).
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import random
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median
from typing import Any

from models.skills import SKILLS
from tiny_herd import recording
from tiny_herd.chat import LONGEST_ANSWER, SEED, ChatError, Reply, ask
from tiny_herd.grading import score
from tiny_herd.herd_file import DEMO, HERD_FILE, HerdFileError, Model
from tiny_herd.herd_file import read as read_herd
from tiny_herd.llama_server import LlamaServer, ServerError, running
from tiny_herd.recording import Row


def draw(per_skill: int, seed: int) -> list[Row]:
    """Rows to be filled: `per_skill` different prompts of each skill, none of them trained on."""
    rows: list[Row] = []
    for name, skill in sorted(SKILLS.items()):
        rng = random.Random(f"{seed} {name}")
        drawn: dict[str, str] = {}
        while len(drawn) < per_skill:
            problem = skill.problem(rng, held_out=True)
            drawn.setdefault(problem.prompt, problem.answer)
        for number, (prompt, expected) in enumerate(drawn.items()):
            rows.append(Row(f"demo/{name}/{number:04d}", prompt, name, expected, {}, {}, {}))
    return rows


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
        "accuracy": round(mean(row.scores[model.name] for row in rows), 4),
        "accuracy_by_skill": {
            skill: round(mean(row.scores[model.name] for row in rows if row.task == skill), 4)
            for skill in sorted(SKILLS)
        },
        "mean_prompt_tokens": round(mean(reply.prompt_tokens for reply in replies), 2),
        "mean_answer_tokens": round(mean(reply.answer_tokens for reply in replies), 2),
        "first_token_ms_median": round(median(reply.first_token_seconds for reply in replies) * 1e3, 2),
        "tokens_per_second": tokens_per_second(replies),
        "answer_ms_median": round(median(seconds) * 1e3, 2),
        "answer_ms_p95": round(seconds[len(seconds) * 95 // 100] * 1e3, 2),
    }


def tokens_per_second(replies: list[Reply]) -> int | None:
    """How fast answers go on once they have begun, at the median; none if no answer went on."""
    rates = [
        (reply.answer_tokens - 1) / (reply.seconds - reply.first_token_seconds)
        for reply in replies
        if reply.answer_tokens > 1 and reply.seconds > reply.first_token_seconds
    ]
    return round(median(rates)) if rates else None


def table(measured: dict[str, dict[str, Any]]) -> str:
    """What was measured, for a person: exact answers in per cent by skill, then tokens and milliseconds."""
    lines = [f"{'model':18}" + "".join(f"{skill:>9}" for skill in sorted(SKILLS)) + f"{'all':>9}{'tokens':>9}{'ms':>9}"]
    for name, of_model in measured.items():
        shares = [*of_model["accuracy_by_skill"].values(), of_model["accuracy"]]
        lines.append(
            f"{name:18}" + "".join(f"{share * 100:9.1f}" for share in shares)
            + f"{of_model['mean_answer_tokens']:9.1f}{of_model['answer_ms_median']:9.2f}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--herd", type=Path, default=HERD_FILE, help="herd file (default: Demo/herd.yaml)")
    parser.add_argument("--per-skill", type=int, default=75, help="prompts of each skill (default: 75)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of prompts (default: 1)")
    parser.add_argument("--out", type=Path, default=DEMO, help="folder of the recording (default: Demo)")
    options = parser.parse_args()
    if not 1 <= options.per_skill <= 1000:
        parser.error("--per-skill must be from 1 to 1000")
    try:
        herd = read_herd(options.herd)
        rows = draw(options.per_skill, options.seed)
        with running(herd) as servers:
            measured = {model.name: record(model, servers[model.name], rows) for model in herd}
        options.out.mkdir(parents=True, exist_ok=True)
        recording.write(options.out, rows, {
            "command": f"record.py --per-skill {options.per_skill} --seed {options.seed}",
            "rows": len(rows),
            "server": f"xllamacpp {version('xllamacpp')}",
            "sampling": {"temperature": 0, "seed": SEED, "max_tokens": LONGEST_ANSWER},
            "machine": f"{platform.system()} {platform.machine()}",
            "models": measured,
        })
    except (HerdFileError, ServerError, ChatError, OSError) as error:
        print(f"record.py: {error}", file=sys.stderr)
        return 2
    print(table(measured))
    print(f"{len(rows)} prompts, {len(herd)} models: {options.out / recording.EVALUATIONS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
