"""What the demonstration herd is asked about: words, sums and days, each with the right answer.

A checksum of what a question is about (the word, the two numbers, the day) puts it into one of three disjoint pools:
what models are trained on, what the herd is trained on (the suite), and what both are tested on.
"""

from __future__ import annotations

import datetime
import random
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

WORDS: list[str] = Path(__file__).with_name("words.txt").read_text(encoding="ascii").split()
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # not strftime, whose names follow the locale
FIRST_DAY = datetime.date(1950, 1, 1)
DAYS = 40_000


class Pool(Enum):
    """Who gets to see a question: three quarters train models, one eighth the herd, and one eighth tests both."""

    MODELS = "models"
    SUITE = "suite"
    HELD_OUT = "held_out"


@dataclass(frozen=True)
class Question:
    """A problem before it is worded: what it is about, the words that fill the wording, and the answer."""

    subject: str
    words: tuple[str, ...]
    answer: str


Source = Callable[[random.Random], Question]


def pool_of(subject: str) -> Pool:
    """The only pool that a subject belongs to."""
    match zlib.crc32(subject.encode()) % 8:
        case 0:
            return Pool.SUITE
        case 4:
            return Pool.HELD_OUT
        case _:
            return Pool.MODELS


def draw(source: Source, rng: random.Random, pool: Pool) -> Question:
    """Draws questions until one belongs to the pool."""
    while True:
        question = source(rng)
        if pool_of(question.subject) == pool:
            return question


def some_word(rng: random.Random, longest: int) -> str:
    """A word of the list or, as often, a string of random letters, so that knowing the words is not enough."""
    while True:
        if rng.random() < 0.5:
            chosen = rng.choice(WORDS)
        else:
            chosen = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(3, longest)))
        if len(chosen) <= longest:
            return chosen


def about_words(answer: Callable[[str], str], longest: int = 10) -> Source:
    """Questions about a word of at most `longest` letters."""

    def ask(rng: random.Random) -> Question:
        word = some_word(rng, longest)
        return Question(word, (word,), answer(word))

    return ask


def about_sums(rng: random.Random) -> Question:
    """A question about the sum of two numbers from 0 to 99; both orders are one subject."""
    a, b = rng.randint(0, 99), rng.randint(0, 99)
    return Question(f"{min(a, b)}+{max(a, b)}", (str(a), str(b)), str(a + b))


def about_dates(rng: random.Random) -> Question:
    """A question about a day from 1950 to 2059, written in one of three ways."""
    day = FIRST_DAY + datetime.timedelta(days=rng.randrange(DAYS))
    month = MONTHS[day.month - 1]
    written = rng.choice(("{0} {1} {2}", "{1} {0}, {2}", "{0} {3} {2}"))
    words = (written.format(day.day, month, day.year, month.lower()),)
    return Question(day.isoformat(), words, day.isoformat())
