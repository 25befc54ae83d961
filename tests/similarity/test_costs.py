"""Where a comparison runs: the shapes that have held up an event loop once are foretold as long."""

import pytest

from grader_service.settings import FuzzyFunction
from grader_service.similarity.costs import COSTS
from grader_service.similarity.engine import INLINE_SECONDS
from grader_service.similarity.metrics import METRICS

ANSWER = "The capital of Australia is Canberra, which was founded in 1913. " * 4


def test_every_metric_has_a_cost() -> None:
    assert COSTS.keys() == METRICS.keys()


@pytest.mark.parametrize("metric", COSTS)
def test_answers_of_a_few_sentences_stay_here(metric: str) -> None:
    assert COSTS[metric]("WRatio", ANSWER, ANSWER[50:]) <= INLINE_SECONDS


@pytest.mark.parametrize("metric", COSTS)
def test_a_hundred_thousand_characters_go_away(metric: str) -> None:
    assert COSTS[metric]("WRatio", "some words " * 10_000, "other words " * 10_000) > INLINE_SECONDS


@pytest.mark.parametrize(
    ("metric", "function", "hypothesis", "reference"),
    [
        ("bleu", "WRatio", ". " * 500, "a"),  # a sentence costs 60 us
        ("gleu", "WRatio", "a", "! " * 500),
        ("meteor", "WRatio", ". " * 500, "a"),
        ("fuzzy_match", "WRatio", "a" * 1000, "ab" * 1000),  # partial: every window of the longer
        (
            "fuzzy_match",
            "WRatio",
            "!" * 700 + "b" * 800,
            "c" * 1500,
        ),  # marks at the ends do not count
        ("fuzzy_match", "partial_ratio", "a" * 1000, "b" * 1000),
        ("fuzzy_match", "partial_token_set_ratio", "a" * 1000, "b" * 1000),
    ],
)
def test_shapes_that_are_slower_than_their_length(
    metric: str, function: FuzzyFunction, hypothesis: str, reference: str
) -> None:
    assert COSTS[metric](function, hypothesis, reference) > INLINE_SECONDS


def test_alike_lengths_spare_wratio_the_windows() -> None:
    assert COSTS["fuzzy_match"]("WRatio", "a" * 1000, "b" * 1200) <= INLINE_SECONDS
