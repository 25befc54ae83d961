"""rouge_l on two texts of 2,000 words, against rouge-score's own: `python tests/bench/rouge.py` (10 s, no data needed).

Both sides are timed in the same run, each several times, and their best is taken. Exits with 1
where the values differ or the ratio is below the target.
"""

import random
import sys
import time
from collections.abc import Callable

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


def main() -> int:
    hypothesis, reference = _text(1), _text(2)
    scorer = RougeScorer(["rougeL"])
    theirs, slow = _best(lambda: scorer.score(reference, hypothesis)["rougeL"].fmeasure, rounds=5)
    ours, fast = _best(lambda: rouge_l(hypothesis, reference), rounds=50)
    print(f"rouge_l of two texts of {WORDS:,} words, best of 5 and 50")
    print(f"  rouge-score      {slow * 1e3:9.2f} ms   {theirs!r}")
    print(f"  grader-service   {fast * 1e3:9.2f} ms   {ours!r}")
    print(
        f"  {slow / fast:.0f} times as fast (target {TARGET}), values {'equal' if ours == theirs else 'DIFFER'}"
    )
    return 0 if ours == theirs and slow / fast >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
