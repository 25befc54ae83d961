"""fuzzy_match: one of rapidfuzz's functions, on texts reduced to lower-case letters and digits."""

from rapidfuzz import fuzz, utils

from grader_service.similarity.resources import Resources


def fuzzy_match(resources: Resources, hypothesis: str, reference: str) -> float:
    """The chosen function's 0 to 100, as 0.0 to 1.0."""
    function = getattr(fuzz, resources.fuzzy_function)
    return float(function(hypothesis, reference, processor=utils.default_process)) / 100
