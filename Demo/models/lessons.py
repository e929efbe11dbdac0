"""What models are trained on: questions of their own pool, worded in ways that are never repeated word for word.

A specialist has to do its skill with whatever it is shown, so most of its prompts are random words around the question's
own. Those are marked as people mark them: by quotes, by a colon, by coming first before a comma, or by coming last.
A generalist has to tell the skills apart, so its prompts are the models' wordings, with words added, left out and swapped.
The wordings of the suites, which herds are trained on and tested on, are not read here.
"""

from __future__ import annotations

import random
import re
import string

from models.questions import Pool, draw
from models.skills import SKILLS, Problem, Skill

FILLERS = (
    "a about after again all also always an and any are around as ask at away back be because been before begin below "
    "best better between big both bring but by call can change close come completely could day did different do does "
    "done down each easy else end even every fast few find first follow for forward found from full get give go good got "
    "great had half hand has have hear held help here high hold how i if in into is it its just keep kind know large "
    "last later leave left less let letter letters like line list little long look loud low made make many may me mean "
    "middle mind more most move much must my name near need never new next nice no not nothing now number of off often "
    "old on once one only open or other our out over own page part piece place play please point put question quick "
    "quickly quite read ready really right round same see sentence set show side simple slow small so some soon sound "
    "spell stand start still stop such sure take tell text than thank that the their them then there these they thing "
    "think this those through time to today together too top try turn two under until up us use very want was way we "
    "well went were what when where which while who why will with without word work would write year yes yet you your"
).split()
OPENINGS = ("please ", "now ", "could you ", "can you ", "hello, ", "I would like this: ", "quickly: ", "so, ", "and now ")
CLOSINGS = (", please", " please", ", thanks", " now", " for me", ", would you?")


def vocabulary_of_wordings() -> list[str]:
    """Every word of every skill's wordings for models, so that a specialist ignores the verbs of the others too."""
    return sorted({
        word for skill in SKILLS.values() for wording in skill.models for word in re.findall(r"[A-Za-z]+", wording)
    })


WORDS_AROUND = (*FILLERS, *vocabulary_of_wordings())


def lesson(skill: Skill, generalist: bool, rng: random.Random) -> Problem:
    """One problem of a model's pool, worded for a specialist of the skill or for a generalist."""
    question = draw(skill.source, rng, Pool.MODELS)
    if generalist:
        prompt = loosened(rng.choice(skill.models), rng) if rng.random() < 0.6 else rng.choice(skill.models)
    else:
        prompt = anything(skill, rng) if rng.random() < 0.7 else rng.choice(skill.models)
    prompt = capitalised(framed(prompt, rng), rng).format(*question.words)
    return Problem(skill.name, prompt, question.answer)


def anything(skill: Skill, rng: random.Random) -> str:
    """Random words around a marked place for the question's own."""
    before, after = some_words(rng, 6), some_words(rng, 6)
    match skill.name:
        case "add":
            between = rng.choice((" ", " and ", " plus ", " + ", ", ", " to ", " with ", f" {some_words(rng, 3)} "))
            return f"{before} {{}}{between}{{}} {after}".strip()
        case "date":
            return f"{before} {{}} {after}".strip()
    mark = rng.random()
    if mark < 0.45:
        return f'{before} "{{}}" {after}'.strip()
    if mark < 0.65:
        return f"{before or 'this'}: {{}}"
    if mark < 0.85:
        return f"{{}}{rng.choice((', ', ', ', ': '))}{after or 'please'}"
    return f"{before} {{}}".strip()


def some_words(rng: random.Random, most: int) -> str:
    """Up to `most` words, one in eight of them made of random letters, with a comma now and then inside."""
    words = [
        rng.choice(WORDS_AROUND) if rng.random() < 7 / 8 else
        "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(2, 9)))
        for _ in range(rng.randint(0, most))
    ]
    if len(words) > 2 and rng.random() < 0.15:
        words[rng.randint(1, len(words) - 2)] += ","
    return " ".join(words)


def loosened(wording: str, rng: random.Random) -> str:
    """A wording with words left out, swapped for others and put in, and its place for the question kept."""
    if wording.startswith("{}") and wording.count("{}") == 1:
        start, rest = re.match(r"(\{\}\S*) ?(.*)", wording).groups()
        return f"{start} {loosened_words(rest, rng)}".strip()
    return loosened_words(wording, rng)


def loosened_words(text: str, rng: random.Random) -> str:
    words: list[str] = []
    for word in text.split():
        chance = rng.random()
        if "{}" in word or word.endswith(":") or chance > 0.3:
            words.append(word)
        elif chance > 0.15:
            words.append(rng.choice(FILLERS))
        if rng.random() < 0.1 and "{}" not in word and not word.endswith(":"):
            words.append(rng.choice(FILLERS))
    return " ".join(words)


def framed(wording: str, rng: random.Random) -> str:
    """Now and then something polite before or after, where it does not come between the question and its mark."""
    if rng.random() < 0.15 and not wording.startswith("{}"):
        wording = rng.choice(OPENINGS) + wording
    if rng.random() < 0.1 and not wording.endswith(("{}", "?")):
        wording += rng.choice(CLOSINGS)
    elif rng.random() < 0.2 and not wording.endswith(("{}", "?")):
        wording += rng.choice((".", "?", "!"))
    return wording


def capitalised(wording: str, rng: random.Random) -> str:
    """A third begin with a capital letter."""
    if rng.random() < 1 / 3 and wording and not wording.startswith("{}"):
        return wording[0].upper() + wording[1:]
    return wording
