"""How long a comparison is likely to take, foretold in a few microseconds, to decide where it runs.

The figures come from a search over odd texts (each mark or word repeated, random letters, words
that nobody shares; 2,000 to 200,000 characters) on one core of a small server, and are within a
factor of three of the slowest that it found; prose takes a third of them. That is near enough:
what is foretold as 5 ms must not hold up the event loop for 50 ms.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from rapidfuzz.utils import default_process

from grader_service.settings import FuzzyFunction

Cost = Callable[[FuzzyFunction, str, str], float]
"""`(fuzzy function, hypothesis, reference)` to seconds."""

_WORD_BITS = 64
"""rapidfuzz compares one character with so many others in one step."""

_ALWAYS_LONG = 100_000
"""Characters of both texts from which on fuzzy_match is not foretold: unlike texts then take 0.1 s and more."""


def _tokens(seconds_per_character: float) -> Cost:
    """NLTK's metrics: each sentence has its price, however short it is."""

    def cost(_: FuzzyFunction, hypothesis: str, reference: str) -> float:
        sentences = sum(text.count(mark) for text in (hypothesis, reference) for mark in ".!?")
        return seconds_per_character * (len(hypothesis) + len(reference)) + 60e-6 * sentences

    return cost


def _rouge_n(_: FuzzyFunction, hypothesis: str, reference: str) -> float:
    return 0.3e-6 * (len(hypothesis) + len(reference))


def _rouge_l(_: FuzzyFunction, hypothesis: str, reference: str) -> float:
    words = len(hypothesis) // 2, len(reference) // 2
    return 0.2e-6 * (len(hypothesis) + len(reference)) + 5e-9 * _steps(*words)


def _fuzzy_match(function: FuzzyFunction, hypothesis: str, reference: str) -> float:
    """The partial functions compare the shorter text with every window of the longer one.

    WRatio does so where one text is 1.5 times as long as the other: two of 4,000 and 8,000
    characters take 1 s or more, when two of 8,000 take 5 ms.
    """
    if len(hypothesis) + len(reference) >= _ALWAYS_LONG:
        return float("inf")
    shorter, longer = sorted((len(default_process(hypothesis)), len(default_process(reference))))
    seconds = 0.1e-6 * (len(hypothesis) + len(reference)) + 10e-9 * _steps(longer, shorter)
    if function.startswith("partial_") or (function == "WRatio" and longer >= 1.5 * shorter):
        seconds += 4e-9 * (shorter + longer) * _steps(shorter, shorter)
    return seconds


def _steps(length: int, other: int) -> int:
    return length * -(-other // _WORD_BITS)


COSTS: Mapping[str, Cost] = MappingProxyType(
    {
        "fuzzy_match": _fuzzy_match,
        "bleu": _tokens(1.5e-6),
        "gleu": _tokens(1.5e-6),
        "meteor": _tokens(5e-6),
        **{f"rouge_{n}": _rouge_n for n in range(1, 6)},
        "rouge_l": _rouge_l,
    }
)
