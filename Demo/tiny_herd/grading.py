"""Scores an answer."""

from __future__ import annotations


def score(answer: str, expected: str) -> int:
    """1 for the expected answer, 0 for any other; white space around and between words is not held against it.

    Case counts: writing in capitals is one of the skills.
    """
    return int(answer.split() == expected.split())
