"""The cases by name, each with the rule of the protocol that it holds the server to."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from .peer import Peer


@dataclass(frozen=True)
class Case:
    name: str
    group: str
    rule: str
    #: Waits for a time-out of the server: such cases run side by side.
    waits: bool
    #: Raises what is wrong; may return what it measured.
    run: Callable[["Target"], str | None]


@dataclass(frozen=True)
class Target:
    """What a case is run against."""

    address: tuple[str, int]
    pid: int
    #: Whether to take the time for the figures of the issue: 1 GB, 10 s.
    full: bool
    seed: int
    #: What the server was started with: time-outs in seconds, and how many connections it takes.
    limits: dict[str, float]

    def connect(self, **options) -> Peer:
        return Peer(self.address, **options)

    def random(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")


CASES: list[Case] = []


def case(group: str, rule: str, waits: bool = False):
    def register(function: Callable[[Target], str | None]):
        CASES.append(Case(f"{group}.{function.__name__}", group, rule, waits, function))
        return function

    return register
