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
    plainly: bool = False
    """Recorded in the first phrasing and small letters only, because the skill's specialist knows no other form."""

    def problem(self, rng: random.Random, held_out: bool) -> Problem:
        """Draws one problem of the wanted pool in one of the phrasings; a third begin with a capital letter."""
        while True:
            question = self.ask(rng)
            if is_held_out(question.subject) == held_out:
                break
        if held_out and self.plainly:
            return Problem(self.name, self.phrasings[0].format(*question.words).lower(), question.answer)
        phrasing = rng.choice(self.phrasings)
        if rng.random() < 1 / 3:
            phrasing = phrasing[0].upper() + phrasing[1:]
        return Problem(self.name, phrasing.format(*question.words), question.answer)


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
    """A question about a day from 1950 to 2059, written in one of three ways."""
    day = FIRST_DAY + datetime.timedelta(days=rng.randrange(DAYS))
    month = MONTHS[day.month - 1]
    written = rng.choice(("{0} {1} {2}", "{1} {0}, {2}", "{0} {3} {2}"))
    words = (written.format(day.day, month, day.year, month.lower()),)
    return Question(day.isoformat(), words, day.isoformat())


# MARK: - The skills

SKILLS: dict[str, Skill] = {
    skill.name: skill
    for skill in (
        Skill(
            "add",
            ("add {} {}", "add {} and {}", "what is {} plus {}?", "{} + {}", "sum of {} and {}"),
            about_sums),
        Skill(
            "copy",
            ("copy {}", "repeat the word {}", "say {}", "echo {}", "repeat after me: {}"),
            about_words(lambda word: word)),
        Skill(
            "count",
            ("count {}", "count the letters in {}", "how many letters are in {}?", "how long is the word {}?",
             "number of letters in {}"),
            about_words(lambda word: str(len(word)))),
        Skill(
            "date",
            ("date {}", "write {} as an ISO date", "convert {} to ISO format", "ISO date for {}",
             "what is {} in year-month-day form?"),
            about_dates, plainly=True),
        Skill(
            "reverse",
            ("reverse {}", "reverse the word {}", "spell {} backwards", "write {} backwards",
             "what is {} spelled backwards?"),
            about_words(lambda word: word[::-1]), plainly=True),
        Skill(
            "sort",
            ("sort {}", "sort the letters of {}", "put the letters of {} in alphabetical order", "alphabetise {}",
             "order the letters of {} from a to z"),
            about_words(lambda word: "".join(sorted(word)), longest=8), plainly=True),
        Skill(
            "upper",
            ("upper {}", "write {} in capitals", "put {} in upper case", "shout {}", "turn {} into capital letters"),
            about_words(str.upper)),
        Skill(
            "vowels",
            ("vowels of {}", "which vowels are in {}?", "list the vowels of {}", "keep only the vowels of {}",
             "write only the vowels of {}"),
            about_words(lambda word: "".join(letter for letter in word if letter in "aeiou"))),
    )
}
