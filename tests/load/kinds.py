"""Kinds of requests, each with the reward that is known without asking the service.

Every number gives another sample, so an answer that belongs to another request is a wrong one. Even numbers go to
the hosted face with the grader in the body, odd ones to the catalogue's.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.definitions import MULTI, SCORE_MODEL, STRING_CHECK, TEXT_SIMILARITY

RUN = "/v1/fine_tuning/alpha/graders/run"
SOURCE = """
def grade(sample, item):
    return int(sample["output_text"]) % 1009 / 1009 + len(item["answer"])
"""
HEAVY = """
import numpy as np
import pandas as pd

def grade(sample, item):
    return float(pd.Series(np.arange(int(sample["output_text"]) % 50 + 1)).sum())
"""
WORDS = tuple(f"word{number}" for number in range(10))


@dataclass(frozen=True)
class Kind:
    """A grader; `sample` gives the text and the item's answer for a number, `reward` what they are worth."""

    grader: Mapping[str, Any]
    sample: Callable[[int], tuple[str, str]]
    reward: Callable[[int], float]

    def request(self, name: str, number: int) -> tuple[str, dict[str, Any]]:
        """Path and body."""
        text, answer = self.sample(number)
        item = {"answer": answer}
        if number % 2:
            return f"/graders/{name}", {"sample": {"output_text": text}, "item": item}
        return RUN, {"grader": self.grader, "model_sample": text, "item": item}


def _is_same(number: int) -> bool:
    return number // 2 % 2 == 0


def _texts(number: int) -> tuple[str, str]:
    return f"text {number}", f"text {number if _is_same(number) else number + 1}"


def _shared(number: int) -> int:
    """How many words two texts of the kind `similarity` share."""
    return number // 2 % 10 + 1


def _words(number: int) -> tuple[str, str]:
    return " ".join(WORDS[: _shared(number)]), " ".join(WORDS)


def _f1(number: int) -> float:
    """ROUGE-1 of the first words of a text against all of it: the precision is 1."""
    recall = _shared(number) / len(WORDS)
    return 2 * recall / (1 + recall)


def _score(number: int) -> float:
    return float(f"0.{number % 10_000_000:07d}")


KINDS: Mapping[str, Kind] = {
    "string": Kind(STRING_CHECK, _texts, lambda number: float(_is_same(number))),
    "python": Kind(
        {"type": "python", "name": "code", "source": SOURCE},
        lambda number: (str(number), "x" * (number % 7)),
        lambda number: number % 1009 / 1009 + number % 7,
    ),
    "pandas": Kind(
        {"type": "python", "name": "frame", "source": HEAVY},
        lambda number: (str(number), ""),
        lambda number: float(sum(range(number % 50 + 1))),
    ),
    # the obliging upstream of tests/fakes gives the number after "score:"
    "judge": Kind(SCORE_MODEL, lambda number: (f"score: {_score(number):.7f} .", ""), _score),
    "similarity": Kind({**TEXT_SIMILARITY, "evaluation_metric": "rouge_1"}, _words, _f1),
    "multi": Kind(
        {**MULTI, "graders": {"exact": STRING_CHECK}, "calculate_output": "exact / 4 + 0.5"},
        _texts,
        lambda number: 0.75 if _is_same(number) else 0.5,
    ),
}


def write_catalogue(folder: Path) -> None:
    """A file for each kind, under its name."""
    for name, kind in KINDS.items():
        (folder / f"{name}.json").write_text(json.dumps(kind.grader))
