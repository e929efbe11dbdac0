"""The skills of the demonstration herd: how each is asked for, and what the right answer is.

A problem is drawn from one of two disjoint pools. The pool is decided by a checksum of what the problem is about (the
word, the two numbers, the date), so that what is recorded is never what was trained on, however it is phrased.
"""

from __future__ import annotations

import datetime
import random
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WORDS: list[str] = Path(__file__).with_name("words.txt").read_text(encoding="ascii").split()
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # not strftime, whose names follow the locale
FIRST_DAY = datetime.date(1950, 1, 1)
DAYS = 40_000
HELD_OUT_ONE_IN = 4


@dataclass(frozen=True)
class Problem:
    """One prompt with its only right answer."""

    skill: str
    prompt: str
    answer: str


@dataclass(frozen=True)
class Question:
    """A problem before it is phrased: what it is about, the words that fill the phrasing, and the answer."""

    subject: str
    words: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Skill:
    """A task, the ways people ask for it, and a source of questions."""

    name: str
    phrasings: tuple[str, ...]
    ask: Callable[[random.Random], Question]

    def problem(self, rng: random.Random, held_out: bool) -> Problem:
        """Draws one problem of the wanted pool in one of the phrasings."""
        while True:
            question = self.ask(rng)
            if is_held_out(question.subject) == held_out:
                break
        return Problem(self.name, rng.choice(self.phrasings).format(*question.words), question.answer)


def is_held_out(subject: str) -> bool:
    """Whether a subject belongs to the evaluations (one in four) and is therefore never trained on."""
    return zlib.crc32(subject.encode()) % HELD_OUT_ONE_IN == 0


# MARK: - Questions


def some_word(rng: random.Random, longest: int) -> str:
    """A word of the list or, as often, a string of random letters, so that knowing the words is not enough."""
    while True:
        if rng.random() < 0.5:
            chosen = rng.choice(WORDS)
        else:
            chosen = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(3, longest)))
        if len(chosen) <= longest:
            return chosen


def about_words(answer: Callable[[str], str], longest: int = 10) -> Callable[[random.Random], Question]:
    """Questions about a word; one whose answer would be empty is not asked."""

    def ask(rng: random.Random) -> Question:
        while True:
            word = some_word(rng, longest)
            if answer(word):
                return Question(word, (word,), answer(word))

    return ask


def about_sums(rng: random.Random) -> Question:
    """A question about the sum of two numbers from 0 to 99; both orders are one subject."""
    a, b = rng.randint(0, 99), rng.randint(0, 99)
    return Question(f"{min(a, b)}+{max(a, b)}", (str(a), str(b)), str(a + b))


def about_dates(rng: random.Random) -> Question:
    """A question about a day from 1950 to 2059; its words are day, month, year and the month in small letters."""
    day = FIRST_DAY + datetime.timedelta(days=rng.randrange(DAYS))
    month = MONTHS[day.month - 1]
    words = (str(day.day), month, str(day.year), month.lower())
    return Question(day.isoformat(), words, day.isoformat())


# MARK: - The skills

SKILLS: dict[str, Skill] = {
    skill.name: skill
    for skill in (
        Skill("add", ("add {} {}",), about_sums),
        Skill("copy", ("copy {}",), about_words(lambda word: word)),
        Skill("date", ("date {0} {3} {2}",), about_dates),
        Skill("reverse", ("reverse {}",), about_words(lambda word: word[::-1])),
        Skill("sort", ("sort {}",), about_words(lambda word: "".join(sorted(word)), longest=8)),
        Skill("upper", ("upper {}",), about_words(str.upper)),
    )
}
