"""What the benchmark asks, and a herd that can answer it: prompts and evaluations made up from a seed."""

import json
import pathlib
import random
import re

TOPICS = 57
ROWS_PER_TOPIC = 40
PROMPTS = 10_000
PROMPT_BYTES = 512


class Language:
    """Words of topics, so that a predictor has something to learn."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        consonants, vowels = "bcdfghklmnprstvw", "aeiou"
        words = set()
        while len(words) < 40 * (TOPICS + 1):
            syllables = self.random.randint(1, 3)
            words.add("".join(self.random.choice(consonants) + self.random.choice(vowels) for _ in range(syllables)))
        words = sorted(words)
        self.random.shuffle(words)
        self.common = words[:40]
        self.topics = [words[40 * (topic + 1):40 * (topic + 2)] for topic in range(TOPICS)]

    def prompt(self, topic, size):
        text = []
        length = 0
        while length < size:
            words = self.common if self.random.random() < 0.5 else self.topics[topic]
            word = self.random.choice(words)
            text.append(word)
            length += len(word) + 1
        return " ".join(text)[:size].rstrip()


def write_prompts(path, seed=1):
    """PROMPTS lines of PROMPT_BYTES bytes each, all different."""
    language = Language(seed)
    seen = set()
    with open(path, "w") as file:
        while len(seen) < PROMPTS:
            prompt = language.prompt(len(seen) % TOPICS, PROMPT_BYTES)
            if prompt not in seen:
                seen.add(prompt)
                file.write(prompt + "\n")


def model_names(herd_file):
    """The names in a herd file."""
    return re.findall(r"^\s*- name: (\S+)", pathlib.Path(herd_file).read_text(), re.MULTILINE)


def write_evaluations(path, models, seed=1):
    """Rows on which every model is good at some topics."""
    language = Language(seed)
    random_ = random.Random(seed + 1)
    skill = {model: [random_.random() for _ in range(TOPICS)] for model in models}
    with open(path, "w") as file:
        for row in range(TOPICS * ROWS_PER_TOPIC):
            topic = row % TOPICS
            scores = {model: float(random_.random() < skill[model][topic]) for model in models}
            line = {"id": f"bench-{row}", "prompt": language.prompt(topic, 200), "task": f"topic{topic}", "scores": scores}
            file.write(json.dumps(line) + "\n")
