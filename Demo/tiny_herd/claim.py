"""The herd's claim in small: accuracy and mean size of the herd's choices against what else one might do.

Everything is computed from scores (0 or 1) that the models and the herd got on the same held-out prompts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from statistics import mean

GENERALIST = "tiny-general"
POINTS = 0.10


@dataclass(frozen=True)
class Prompt:
    """A held-out prompt: every model's own score on it, the model that the herd chose and the score the herd got."""

    text: str
    skill: str
    scores: dict[str, float]
    chosen: str
    herd: float


@dataclass(frozen=True)
class Line:
    """One way to answer all prompts: how often it is right, in all and by skill, and the mean size of what it runs."""

    name: str
    accuracy: float
    parameters: float
    by_skill: dict[str, float]


@dataclass(frozen=True)
class Claim:
    """The lines, the herd's first, and what does not hold of what is claimed; nothing = all of it holds."""

    prompts: int
    lines: list[Line]
    broken: list[str]

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def first_word(prompt: str) -> str:
    """What the first-word rule sees of a prompt."""
    return prompt.split()[0].lower()


def first_word_rule(rows: list[tuple[str, dict[str, float]]]) -> tuple[dict[str, str], str]:
    """The best model for each first word of the training prompts, and the best over all for every other word."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    for prompt, scores in rows:
        sums[first_word(prompt)].update(scores)
        total.update(scores)
    return {word: best(scores) for word, scores in sums.items()}, best(total)


def best(scores: Counter[str]) -> str:
    """The model with the highest score; of equal ones the first by name."""
    return min(scores, key=lambda model: (-scores[model], model))


def claim(prompts: list[Prompt], sizes: dict[str, float], rule: tuple[dict[str, str], str]) -> Claim:
    """Compares the herd with single models, chance, a rule on the first word, and the best model for each prompt.

    `sizes` are parameters by model; `rule` is what `first_word_rule` made of the training prompts.
    """

    def line(name: str, score, size) -> Line:
        skills = sorted({prompt.skill for prompt in prompts})
        return Line(name, mean(map(score, prompts)), mean(map(size, prompts)), {
            skill: mean(score(prompt) for prompt in prompts if prompt.skill == skill) for skill in skills})

    def always(name: str, model: str) -> Line:
        return line(name, lambda prompt: prompt.scores[model], lambda _: sizes[model])

    def by_rule(prompt: Prompt) -> str:
        return rule[0].get(first_word(prompt.text), rule[1])

    totals = Counter({model: sum(prompt.scores[model] for prompt in prompts) for model in sizes})
    specialist = best(Counter({model: total for model, total in totals.items() if model != GENERALIST}))

    def oracle(prompt: Prompt) -> str:
        return min(sizes, key=lambda model: (-prompt.scores[model], sizes[model], model))

    herd = line("the herd", lambda prompt: prompt.herd, lambda prompt: sizes[prompt.chosen])
    generalist = always(f"{GENERALIST} alone", GENERALIST)
    words = line("first-word rule", lambda prompt: prompt.scores[by_rule(prompt)], lambda prompt: sizes[by_rule(prompt)])
    lines = [
        herd,
        generalist,
        always(f"best specialist ({specialist})", specialist),
        line("random choice", lambda prompt: mean(prompt.scores.values()), lambda _: mean(sizes.values())),
        words,
        line("best model for each", lambda prompt: prompt.scores[oracle(prompt)], lambda prompt: sizes[oracle(prompt)]),
    ]
    return Claim(len(prompts), lines, broken(herd, generalist, words, sizes))


def broken(herd: Line, generalist: Line, words: Line, sizes: dict[str, float]) -> list[str]:
    """What of the claim, and of its conditions, does not hold."""
    largest = max(size for model, size in sizes.items() if model != GENERALIST)
    weak = [skill for skill, accuracy in generalist.by_skill.items() if accuracy < 0.4]
    checks = {
        "the herd is not 10 points better than the generalist": herd.accuracy < generalist.accuracy + POINTS,
        "the models that the herd chose are not smaller than the generalist": herd.parameters >= generalist.parameters,
        "the first-word rule is not 10 points worse than the herd": words.accuracy > herd.accuracy - POINTS,
        "the generalist is right in under 60 %": generalist.accuracy < 0.6,
        f"the generalist is right in under 40 % of {', '.join(weak)}": bool(weak),
        "the generalist is not twice as large as every specialist": generalist.parameters < 2 * largest,
    }
    return [what for what, fails in checks.items() if fails]
