"""rouge_l of two texts of 2,000 words, against rouge-score's own: both in one run, each several times, the best taken."""

import random
import time
from collections.abc import Callable

from rich.console import Console
from rouge_score.rouge_scorer import RougeScorer

from grader_service.similarity.rouge import rouge_l

WORDS = 2000
TARGET = 200


def _text(seed: int) -> str:
    choose = random.Random(seed)
    return " ".join(f"word{choose.randrange(500)}" for _ in range(WORDS))


def _best(function: Callable[[], float], rounds: int) -> tuple[float, float]:
    """The function's value, and the least seconds that it took."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        value = function()
        seconds.append(time.perf_counter() - started)
    return value, min(seconds)


def main(console: Console) -> bool:
    """True where the values are equal and the ratio reaches the target."""
    hypothesis, reference = _text(1), _text(2)
    scorer = RougeScorer(["rougeL"])
    theirs, slow = _best(lambda: scorer.score(reference, hypothesis)["rougeL"].fmeasure, rounds=4)
    ours, fast = _best(lambda: rouge_l(hypothesis, reference), rounds=50)
    ratio = slow / fast
    good = ours == theirs and ratio >= TARGET
    console.print(
        f"  rouge-score {slow * 1e3:.0f} ms   grader-service {fast * 1e3:.2f} ms   "
        f"values {'equal' if ours == theirs else 'DIFFER'} ({ours!r}, {theirs!r})"
    )
    console.print(f"  ratio {ratio:.0f}, wanted {TARGET}: {'met' if good else 'MISSED'}")
    return good


if __name__ == "__main__":
    raise SystemExit(not main(Console()))
