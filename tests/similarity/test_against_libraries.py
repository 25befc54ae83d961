"""Every metric gives the digits of the vendor's own package, or of the library that the metric is named after."""

from collections.abc import Callable, Iterator

import nltk
import pytest
from azure.ai.evaluation import (
    BleuScoreEvaluator,
    GleuScoreEvaluator,
    MeteorScoreEvaluator,
    RougeScoreEvaluator,
    RougeType,
)
from azure.ai.evaluation._common import utils
from rapidfuzz import fuzz
from rapidfuzz.utils import default_process

from grader_service.similarity import metrics
from grader_service.similarity.resources import Resources

Slow = Callable[[str, str], float]
Pairs = list[tuple[str, str]]


def _azure(evaluator: Callable[..., dict[str, float]], key: str) -> Slow:
    return lambda hypothesis, reference: evaluator(response=hypothesis, ground_truth=reference)[key]


def _wratio(hypothesis: str, reference: str) -> float:
    return fuzz.WRatio(hypothesis, reference, processor=default_process) / 100


@pytest.fixture(scope="module")
def slow(loaded: Resources) -> Iterator[dict[str, Slow]]:
    """The reference implementations, on the data that `loaded` has put into NLTK's path."""
    with pytest.MonkeyPatch.context() as patch:
        # The package looks for archives, where our folder has them unpacked, and then would download.
        patch.setattr(nltk, "download", lambda *_: False)
        patch.setattr(
            utils, "ensure_nltk_data_downloaded", lambda: None
        )  # looks for them with every text
        rouge = {f"rouge_{n}": RougeScoreEvaluator(RougeType(f"rouge{n}")) for n in range(1, 6)}
        rouge["rouge_l"] = RougeScoreEvaluator(RougeType.ROUGE_L)
        yield {
            "fuzzy_match": _wratio,
            "bleu": _azure(BleuScoreEvaluator(), "bleu_score"),
            "gleu": _azure(GleuScoreEvaluator(), "gleu_score"),
            "meteor": _azure(MeteorScoreEvaluator(), "meteor_score"),
            **{name: _azure(evaluator, "rouge_score") for name, evaluator in rouge.items()},
        }


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_a_thousand_pairs_give_the_same_digits(
    metric: str, slow: dict[str, Slow], loaded: Resources, pairs: Pairs
) -> None:
    filled = [pair for pair in pairs if all(pair)]
    ours = [metrics.compare(loaded, metric, *pair) for pair in filled]
    assert ours == [slow[metric](*pair) for pair in filled]
    assert all(type(score) is float for score in ours)
    assert len({round(score, 3) for score in ours}) > 100, "the pairs do not tell metrics apart"
