#!/usr/bin/env python3
"""Trains models of the demonstration herd and writes them as GGUF files.

    Demo/train.py tiny-reverse tiny-add     # these two
    Demo/train.py --all                     # the whole herd, about half an hour of one core

A model is trained for a number of steps, on one thread by default, so that a seed gives the same file again on the same
kind of CPU with the same version of torch. Needs Demo/models/requirements.txt, which nothing else in the project needs.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import Tensor

from models import vocabulary
from models.export import export
from models.network import Network, Shape
from models.lessons import lesson
from models.questions import Pool
from models.skills import SKILLS, Problem

FOLDER = Path(__file__).resolve().parent / "models" / "gguf"
IGNORED = -100  # a label that cross_entropy leaves out: only the answer is learned, not the prompt
PEAK_RATE = 2e-3
WARM_UP_STEPS = 100
BATCHES_AT_ONCE = 16


@dataclass(frozen=True)
class Plan:
    """What a model is taught, how large it is and how long it is trained."""

    skills: tuple[str, ...]
    shape: Shape
    steps: int
    batch: int = 64


EVERYTHING = tuple(SKILLS)

PLANS: dict[str, Plan] = {
    "tiny-add": Plan(("add",), Shape(width=64, layers=3), steps=4000),
    "tiny-copy": Plan(("copy",), Shape(width=64, layers=2), steps=2500),
    "tiny-date": Plan(("date",), Shape(width=64, layers=3), steps=2000),
    "tiny-reverse": Plan(("reverse",), Shape(width=64, layers=3), steps=5000),
    "tiny-sort": Plan(("sort",), Shape(width=64, layers=3), steps=3500),
    "tiny-upper": Plan(("upper",), Shape(width=64, layers=2), steps=2500),
    "tiny-general": Plan(EVERYTHING, Shape(width=96, layers=3), steps=6000),
}


def tokenised(problem: Problem) -> tuple[list[int], int]:
    """A problem's tokens, answer and end mark included, and how many of them are the prompt's."""
    prompt = vocabulary.conversation(problem.prompt)
    return prompt + vocabulary.encode(problem.answer) + [vocabulary.END], len(prompt)


def batches(plan: Plan, rng: random.Random) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of lessons without end; each has lessons of about one length, so that little of it is padding."""
    while True:
        lessons: list[tuple[list[int], int]] = []
        for _ in range(plan.batch * BATCHES_AT_ONCE):
            problem = lesson(SKILLS[rng.choice(plan.skills)], len(plan.skills) > 1, rng)
            lessons.append(tokenised(problem))
        lessons.sort(key=lambda each: len(each[0]))
        drawn = [batch_of(lessons[start : start + plan.batch]) for start in range(0, len(lessons), plan.batch)]
        rng.shuffle(drawn)
        yield from drawn


def batch_of(lessons: list[tuple[list[int], int]]) -> tuple[Tensor, Tensor]:
    """Tokens and labels, both [batch, longest], labels shifted by one."""
    longest = max(len(tokens) for tokens, _ in lessons)
    tokens = torch.full((len(lessons), longest), vocabulary.PADDING)
    labels = torch.full((len(lessons), longest), IGNORED)
    for index, (row, prompt_length) in enumerate(lessons):
        tokens[index, : len(row)] = torch.tensor(row)
        labels[index, prompt_length - 1 : len(row) - 1] = tokens[index, prompt_length : len(row)]
    return tokens, labels


def rate_at(step: int, steps: int) -> float:
    """Learning rate: a short rise, level for the first half, then a straight line to zero."""
    return PEAK_RATE * min(1.0, (step + 1) / WARM_UP_STEPS, 2 * (1 - step / steps))


def exact(logits: Tensor, labels: Tensor) -> float:
    """Share of a batch's answers in which every token is the likeliest one; logits are those that labels ask for."""
    asked = labels != IGNORED
    wrong = (logits.argmax(-1) != labels[asked]).nonzero()[:, 0]
    return 1 - asked.nonzero()[wrong, 0].unique().numel() / len(labels)


@torch.no_grad()
def of_suite(network: Network, plan: Plan) -> str:
    """How the network does on the prompts that the herd is trained on, whose wordings no model is trained on."""
    shares: list[str] = []
    for skill in plan.skills:
        rng = random.Random(0)
        problems = [SKILLS[skill].problem(rng, Pool.SUITE, wording) for wording in SKILLS[skill].suite * 3]
        tokens, labels = batch_of([tokenised(problem) for problem in problems])
        shares.append(f"{skill} {exact(network(tokens, labels != IGNORED), labels):.2f}")
    return " ".join(shares)


def train(name: str, plan: Plan, seed: int) -> Network:
    """Trains one model; every 500 steps prints what share of a batch, and of the suite by skill, it answers exactly.

    Both are counted with the right beginning of the answer given, which comes to the same for a whole answer.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed)
    network = Network(plan.shape)
    optimiser = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05)
    begun = time.process_time()
    source = batches(plan, rng)
    for step in range(plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, plan.steps)
        tokens, labels = next(source)
        asked = labels != IGNORED
        logits = network(tokens, asked)
        loss = functional.cross_entropy(logits, labels[asked])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % 500 == 0:
            right = exact(logits, labels)
            seconds = time.process_time() - begun
            print(f"{name} step {step + 1} loss {loss:.4f} exact {right:.3f}, of the suite {of_suite(network, plan)}, "
                  f"cpu {seconds:.0f} s", flush=True)
    return network


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"one or more of: {', '.join(PLANS)}")
    parser.add_argument("--all", action="store_true", help="train the whole herd")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and problems (default: 0)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default: 1)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the files (default: Demo/models/gguf)")
    options = parser.parse_args()
    names = list(PLANS) if options.all else options.names
    unknown = [name for name in names if name not in PLANS]
    if unknown or not names:
        parser.error(f"no model is planned under the name {unknown[0]}" if unknown else "name a model, or give --all")
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in names:
        network = train(name, PLANS[name], options.seed)
        path = options.out / f"{name}.gguf"
        export(network, path, name)
        weights = sum(parameter.numel() for parameter in network.parameters())
        print(f"{name}: {weights} parameters, {path.stat().st_size} bytes in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
