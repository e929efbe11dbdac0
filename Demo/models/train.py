#!/usr/bin/env python3
"""Trains models of the demonstration herd and writes them as GGUF files.

    Demo/models/train.py tiny-reverse tiny-add     # these two
    Demo/models/train.py --all                     # the whole herd, about half an hour of one core

A model is trained for a number of steps, on one thread by default, so that a seed gives the same file again on the same
kind of CPU with the same version of torch. Needs Demo/models/requirements.txt, which nothing else in the project needs.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import Tensor

import vocabulary
from export import export
from network import Network, Shape
from skills import SKILLS

FOLDER = Path(__file__).resolve().parent / "gguf"
IGNORED = -100  # a label that cross_entropy leaves out: only the answer is learned, not the prompt
PEAK_RATE = 2e-3
WARM_UP_STEPS = 100


@dataclass(frozen=True)
class Plan:
    """What a model is taught, how large it is and how long it is trained."""

    skills: tuple[str, ...]
    shape: Shape
    steps: int
    batch: int = 128


EVERYTHING = tuple(SKILLS)

PLANS: dict[str, Plan] = {
    "tiny-add": Plan(("add",), Shape(width=64, layers=3), steps=4000),
    "tiny-copy": Plan(("copy",), Shape(width=64, layers=2), steps=1500),
    "tiny-date": Plan(("date",), Shape(width=64, layers=3), steps=2500),
    "tiny-reverse": Plan(("reverse",), Shape(width=96, layers=3), steps=3000),
    "tiny-sort": Plan(("sort",), Shape(width=64, layers=3), steps=3000),
    "tiny-upper": Plan(("upper",), Shape(width=64, layers=2), steps=1500),
    # Knows every skill, most of them badly, and two that no specialist has.
    "tiny-novice": Plan(EVERYTHING, Shape(width=32, layers=2), steps=3000),
}


def batch_of(plan: Plan, rng: random.Random) -> tuple[Tensor, Tensor]:
    """Draws training problems: tokens and labels, both [batch, longest], labels shifted by one."""
    rows: list[tuple[list[int], int]] = []
    for _ in range(plan.batch):
        problem = SKILLS[rng.choice(plan.skills)].problem(rng, held_out=False)
        prompt = vocabulary.conversation(problem.prompt)
        rows.append((prompt + vocabulary.encode(problem.answer) + [vocabulary.END], len(prompt)))
    longest = max(len(tokens) for tokens, _ in rows)
    tokens = torch.full((plan.batch, longest), vocabulary.PADDING)
    labels = torch.full((plan.batch, longest), IGNORED)
    for index, (row, prompt_length) in enumerate(rows):
        tokens[index, : len(row)] = torch.tensor(row)
        labels[index, prompt_length - 1 : len(row) - 1] = tokens[index, prompt_length : len(row)]
    return tokens, labels


def rate_at(step: int, steps: int) -> float:
    """Learning rate: a short rise, level for the first half, then a straight line to zero."""
    return PEAK_RATE * min(1.0, (step + 1) / WARM_UP_STEPS, 2 * (1 - step / steps))


def train(name: str, plan: Plan, seed: int) -> Network:
    """Trains one model, printing every 250 steps which share of a batch it answers exactly, given the right prefix."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    network = Network(plan.shape)
    optimiser = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05)
    begun = time.process_time()
    for step in range(plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, plan.steps)
        tokens, labels = batch_of(plan, rng)
        logits = network(tokens)
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % 250 == 0:
            right = ((logits.argmax(-1) == labels) | (labels == IGNORED)).all(dim=1).float().mean()
            seconds = time.process_time() - begun
            print(f"{name} step {step + 1} loss {loss:.4f} exact {right:.3f} cpu {seconds:.0f} s", flush=True)
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
