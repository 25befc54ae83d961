"""The table of text_similarity's metrics that are computed here; `cosine` asks a judge and is not among them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from grader_service.similarity.fuzzy import fuzzy_match
from grader_service.similarity.meteor import meteor
from grader_service.similarity.ngrams import bleu, gleu
from grader_service.similarity.resources import Resources
from grader_service.similarity.rouge import rouge_l, rouge_n

Metric = Callable[[Resources, str, str], float]
"""`(resources, hypothesis, reference)` to 0.0 … 1.0; both texts have at least one character."""


def _without_resources(metric: Callable[[str, str], float]) -> Metric:
    return lambda _, hypothesis, reference: metric(hypothesis, reference)


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "fuzzy_match": fuzzy_match,
        "bleu": bleu,
        "gleu": gleu,
        "meteor": meteor,
        **{f"rouge_{n}": _without_resources(rouge_n(n)) for n in range(1, 6)},
        "rouge_l": _without_resources(rouge_l),
    }
)


def compare(resources: Resources, metric: str, hypothesis: str, reference: str) -> float:
    """One of `METRICS`, for any two texts: where one is empty 0.0, but 1.0 for fuzzy_match where both are.

    Raises:
        TimeoutError: NLTK gave up one of its regular expressions, after 5 s.
        MemoryError: from texts of many megabytes, where the process has a limit.
    """
    if hypothesis and reference:
        return METRICS[metric](resources, hypothesis, reference)
    return 1.0 if metric == "fuzzy_match" and hypothesis == reference else 0.0
