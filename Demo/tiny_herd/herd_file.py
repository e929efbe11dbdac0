"""Reads the part of a herd file that recording needs: which models there are and what a token costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from tiny_herd import DEMO

HERD_FILE = DEMO / "herd.yaml"
WEIGHTS = DEMO / "models" / "gguf"


class HerdFileError(Exception):
    """A herd file that cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True)
class Model:
    """A model of the herd, its weights, and its prices in US dollars per million tokens."""

    name: str
    weights: Path
    price_in: float
    price_out: float

    def cost(self, prompt_tokens: int, answer_tokens: int) -> float:
        """US dollars for one request, rounded to 10^-12 so that equal usage is recorded equally."""
        return round((prompt_tokens * self.price_in + answer_tokens * self.price_out) / 1e6, 12)


def read(path: Path = HERD_FILE) -> list[Model]:
    """The models of a herd file in order of their names, each with weights at Demo/models/gguf/NAME.gguf."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
        models = [
            Model(
                entry["name"], WEIGHTS / f"{entry['name']}.gguf",
                float(entry["price_in"]), float(entry["price_out"]))
            for entry in entries
        ]
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise HerdFileError(
            f"{path} is no herd file: {error!r}. It needs a list `models`, each with name, price_in and price_out."
        ) from error
    for model in models:
        if not model.weights.is_file():
            raise HerdFileError(f"{model.name} of {path} has no weights: {model.weights} is missing. "
                                "Train it with Scripts/demo/train.sh or take it out of the herd file.")
    return sorted(models, key=lambda model: model.name)


def chosen(models: list[Model], names: str | None) -> list[Model]:
    """The models named in a comma-separated list, or all of them."""
    if names is None:
        return models
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {model.name: model for model in models}
    for name in wanted:
        if name not in known:
            raise HerdFileError(f"the herd has no model {name!r}; it has {', '.join(known)}.")
    return [known[name] for name in wanted]
