"""The skills of the demonstration herd: what each is asked about, and the wordings it is asked in.

The wordings are in Demo/wordings.json: for each skill those that models are trained on, those that the herd is trained on
(the suite), those that both are tested on (held out), and the skill's verbs, the words that give it away.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

from models.questions import Pool, Source, about_dates, about_sums, about_words, draw

WORDINGS = Path(__file__).resolve().parent.parent / "wordings.json"


@dataclass(frozen=True)
class Problem:
    """One prompt with its only right answer."""

    skill: str
    prompt: str
    answer: str


@dataclass(frozen=True)
class Skill:
    """A task: its source of questions and its wordings, in which {} stands for a word of the question."""

    name: str
    source: Source
    verbs: tuple[str, ...]
    models: tuple[str, ...]
    suite: tuple[str, ...]
    held_out: tuple[str, ...]

    def problem(self, rng: random.Random, pool: Pool, wording: str) -> Problem:
        """Draws a question of the pool and words it; a third of the prompts begin with a capital letter."""
        question = draw(self.source, rng, pool)
        if rng.random() < 1 / 3 and not wording.startswith("{"):
            wording = wording[0].upper() + wording[1:]
        return Problem(self.name, wording.format(*question.words), question.answer)


SOURCES: dict[str, Source] = {
    "add": about_sums,
    "copy": about_words(lambda word: word),
    "date": about_dates,
    "reverse": about_words(lambda word: word[::-1]),
    "sort": about_words(lambda word: "".join(sorted(word)), longest=8),
    "upper": about_words(str.upper),
}


def read_skills(path: Path = WORDINGS) -> dict[str, Skill]:
    """The skills with their wordings, in order of their names."""
    wordings = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Skill(name, source, *(tuple(wordings[name][part]) for part in ("verbs", "models", "suite", "held_out")))
        for name, source in SOURCES.items()
    }


SKILLS: dict[str, Skill] = read_skills()
