#!/usr/bin/env python3
"""Measures the herd's claim on the held-out prompts, through a running herd.

    Demo/claim.py --servers run/servers.json    # live: the herd and every model really answer
    Demo/claim.py --recorded                    # the herd routes, the answers are those of the recording

Live, each prompt goes to the herd by Router/Complete and to every model's own server; otherwise the herd only routes it
(Router/Route), and the chosen model's recorded score counts. The herd is dialled by herdctl, at HERD_ADDRESS. Needs
nothing but Python. Exit status: 0 if the claim holds, 1 if not, 2 if it could not be measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tiny_herd import DEMO, recording
from tiny_herd.chat import LONGEST_ANSWER, SEED, ChatError, ask
from tiny_herd.claim import Claim, Prompt, claim, first_word_rule
from tiny_herd.grading import score
from tiny_herd.recording import RecordingError, Row

OPTIONS = {"temperature": 0, "seed": SEED, "max_tokens": LONGEST_ANSWER}


class HerdError(Exception):
    """A call to the herd that failed."""


class Herd:
    """A running herd, dialled by herdctl."""

    def __init__(self, herdctl: Path) -> None:
        self.herdctl = herdctl

    def call(self, method: str, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The messages that a call gives."""
        finished = subprocess.run(
            [self.herdctl, "call", method, json.dumps(request), "--json"], capture_output=True, text=True, check=False)
        if finished.returncode != 0:
            raise HerdError(f"{method} failed: {finished.stderr.strip()}")
        return [json.loads(line) for line in finished.stdout.splitlines()]

    def sizes(self) -> dict[str, float]:
        """Parameters of every model."""
        [models] = self.call("Registry/ListModels", {})
        return {model["name"]: model["parameters_b"] * 1e9 for model in models["models"]}

    def route(self, prompt: str) -> str:
        """The model that the herd would ask."""
        [reply] = self.call("Router/Route", {"prompt": prompt})
        return reply["model"]

    def complete(self, prompt: str) -> tuple[str, str]:
        """The model that answered, and its answer."""
        events = self.call("Router/Complete", {"route": {"prompt": prompt}, "options": OPTIONS})
        finish = next(event["finish"] for event in events if "finish" in event)
        return finish["generation"]["model"], "".join(event.get("delta", "") for event in events)


def measure_live(herd: Herd, rows: list[Row], servers: dict[str, str]) -> list[Prompt]:
    """Asks the herd, then every model by itself."""

    def one(row: Row) -> Prompt:
        model, answer = herd.complete(row.prompt)
        return Prompt(row.prompt, row.task, own[row.id], model, score(answer, row.expected))

    def each(row: Row) -> dict[str, float]:
        return {name: score(ask(url.removesuffix("/v1"), row.prompt).text, row.expected)
                for name, url in servers.items()}

    own = dict(zip((row.id for row in rows), side_by_side(each, rows), strict=True))
    return side_by_side(one, rows)


def measure_recorded(herd: Herd, rows: list[Row]) -> list[Prompt]:
    """Has the herd route every prompt, and takes the recorded scores."""

    def one(row: Row) -> Prompt:
        model = herd.route(row.prompt)
        return Prompt(row.prompt, row.task, row.scores, model, row.scores[model])

    return side_by_side(one, rows)


def side_by_side(work: Callable[[Row], Any], rows: list[Row]) -> list[Any]:
    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(work, rows))


def table(result: Claim) -> str:
    """The claim for a person."""
    skills = list(result.lines[0].by_skill)
    heading = f"{'on ' + str(result.prompts) + ' held-out prompts':34}{'right':>8}{'mean size':>11}"
    lines = [heading + "".join(f"{skill:>9}" for skill in skills)]
    lines += [
        f"{line.name:34}{line.accuracy:>8.1%}{line.parameters / 1e3:>10.0f}k"
        + "".join(f"{line.by_skill[skill]:>9.0%}" for skill in skills)
        for line in result.lines
    ]
    herd, generalist = result.lines[:2]
    lines.append(
        f"The herd is right {(herd.accuracy - generalist.accuracy) * 100:.1f} points more often than the generalist "
        f"alone, with models {generalist.parameters / herd.parameters:.1f} times smaller.")
    return "\n".join(lines + [f"It does not hold: {what}." for what in result.broken])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--servers", type=Path, metavar="F", help="what Demo/serve.py wrote: model name -> URL, as JSON")
    source.add_argument("--recorded", action="store_true", help="score the herd's choices by the recording")
    parser.add_argument("--herdctl", type=Path, default=DEMO.parent / ".build/release/herdctl",
                        help="the program (default: .build/release/herdctl)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    herd = Herd(options.herdctl)
    try:
        rows = recording.read()
        held_out = [row for row in rows if row.is_held_out]
        rule = first_word_rule([(row.prompt, row.scores) for row in rows if not row.is_held_out])
        prompts = (measure_recorded(herd, held_out) if options.recorded
                   else measure_live(herd, held_out, json.loads(options.servers.read_text(encoding="utf-8"))))
        result = claim(prompts, herd.sizes(), rule)
    except (HerdError, RecordingError, ChatError, OSError, ValueError, KeyError, StopIteration) as error:
        print(f"claim.py: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result.as_json()) if options.json else table(result))
    return 1 if result.broken else 0


if __name__ == "__main__":
    sys.exit(main())
