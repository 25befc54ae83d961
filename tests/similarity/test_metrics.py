import inspect
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz, utils
from rouge_score.rouge_scorer import RougeScorer

from grader_service.settings import FuzzyFunction
from grader_service.similarity import metrics
from grader_service.similarity.resources import Resources
from grader_service.similarity.rouge import longest_common_subsequence, rouge_l

ODD = [
    *(
        " ",
        "\n",
        "\t \r\n",
        "\0",
        "\0\0a",
        ".",
        "'",
        '"',
        "``",
        "-",
        "a",
        "A",
        "1",
        "é",
        "中",
        "١",
        "½",
    ),
    *(
        "\u0301",
        "\u0301\u0302",
        "e\u0301",
        "\u200b",
        "\u202e",
        "\ufeff",
        "\u2028",
        "\u0085",
        "\x1f",
        "\x7f",
    ),
    *("😀", "👩‍👩‍👧", "🇩🇪", "\ud800", "a\udfff", "\U0010ffff", "İ", "ſ", "ß", "ﬁ", "𝔘"),
    *(
        "{{ item.x }}",
        "<skipped>",
        "&amp;",
        "&#91;",
        "[",
        "]",
        "\\",
        "^",
        "a" * 3000,
        "y" * 3000,
        ". " * 500,
    ),
]


@pytest.mark.parametrize("metric", metrics.METRICS)
@pytest.mark.parametrize(
    ("hypothesis", "reference", "fuzzy"),
    [("", "", 1.0), ("", "a", 0.0), ("a", "", 0.0), ("", " ", 0.0)],
)
def test_empty_text(
    loaded: Resources, metric: str, hypothesis: str, reference: str, fuzzy: float
) -> None:
    expected = fuzzy if metric == "fuzzy_match" else 0.0
    assert metrics.compare(loaded, metric, hypothesis, reference) == expected


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_no_text_is_too_odd(loaded: Resources, metric: str) -> None:
    for hypothesis in ODD:
        for reference in (hypothesis, "The quick brown fox.", "plain é"):
            score = metrics.compare(loaded, metric, hypothesis, reference)
            assert 0.0 <= score <= 1.0, (hypothesis, reference)
            metrics.compare(loaded, metric, reference, hypothesis)


def test_input_is_the_hypothesis_and_reference_the_reference(loaded: Resources) -> None:
    short, long = "the cat", "the cat sat on the mat today"
    assert metrics.compare(loaded, "bleu", short, long) < metrics.compare(
        loaded, "bleu", long, short
    )
    assert metrics.compare(loaded, "meteor", short, long) < metrics.compare(
        loaded, "meteor", long, short
    )


def test_the_fuzzy_functions_are_those_that_rapidfuzz_has() -> None:
    comparing = {
        name
        for name in fuzz.__all__
        if inspect.isroutine(getattr(fuzz, name))
        and isinstance(getattr(fuzz, name)("a", "b"), float)
    }
    assert set(get_args(FuzzyFunction)) == comparing


@pytest.mark.parametrize("name", get_args(FuzzyFunction))
def test_fuzzy_match_is_the_function_that_was_chosen(
    loaded: Resources, name: FuzzyFunction
) -> None:
    chosen = Resources(loaded.tokenize, loaded.wordnet, name)
    pair = "Fuzzy WUZZY, was a bear!", "wuzzy fuzzy was; a hare (no bear)"
    expected = getattr(fuzz, name)(*map(utils.default_process, pair)) / 100
    assert metrics.compare(chosen, "fuzzy_match", *pair) == expected


_words = st.lists(st.sampled_from(["a", "b", "ab", "1", "é", "Z9", "中", "-", ""]), max_size=40)


@given(_words, _words)
def test_rouge_l_is_rouge_scores(hypothesis: list[str], reference: list[str]) -> None:
    texts = " ".join(hypothesis), " ".join(reference)
    slow = RougeScorer(["rougeL"]).score(texts[1], texts[0])["rougeL"].fmeasure
    assert rouge_l(*texts) == slow


@given(st.text(), st.text())
def test_rouge_l_is_rouge_scores_for_any_text(hypothesis: str, reference: str) -> None:
    slow = RougeScorer(["rougeL"]).score(reference, hypothesis)["rougeL"].fmeasure
    assert rouge_l(hypothesis, reference) == slow


_numbers = st.lists(st.integers(0, 9).map(str), max_size=60)


@given(_numbers, _numbers)
def test_common_subsequence_is_that_of_the_table(first: list[str], second: list[str]) -> None:
    assert longest_common_subsequence(first, second) == _by_table(first, second)


def test_common_subsequence_of_more_different_words_than_one_plane_has_characters() -> None:
    words = [f"w{number}" for number in range(70_000)]
    assert longest_common_subsequence(words, words[1:]) == 69_999
    assert longest_common_subsequence(words[:3], [f"v{number}" for number in range(70_000)]) == 0


def _by_table(first: list[str], second: list[str]) -> int:
    row = [0] * (len(second) + 1)
    for item in first:
        previous, row = row, [0] * (len(second) + 1)
        for place, other in enumerate(second, start=1):
            row[place] = (
                previous[place - 1] + 1 if item == other else max(previous[place], row[place - 1])
            )
    return row[-1]
