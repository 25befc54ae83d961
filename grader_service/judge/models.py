"""Finds who answers for a model name."""

import difflib
from dataclasses import dataclass
from fnmatch import fnmatchcase

from grader_service.errors import InvalidGrader
from grader_service.judge.config import DEFAULT_EMBEDDING_MODEL, Configuration, ModelRule, Price


@dataclass(frozen=True, slots=True)
class Route:
    """Where one question goes. `rule` is the configured name or pattern: a closed set, fit for metrics."""

    upstream: str
    model: str
    rule: str
    reasoning: bool
    price: Price | None


def route(configuration: Configuration, asked: str) -> Route:
    """The rule for a model name: its own, or that of the first pattern.

    Raises:
        InvalidGrader: there is none; the message lists what there is, the nearest first.
    """
    rule = configuration.models.get(asked)
    if rule is not None:
        return _route(rule, asked, asked)
    for pattern, candidate in configuration.models.items():
        if fnmatchcase(asked, pattern):
            return _route(candidate, pattern, asked)
    known = _nearest_first(asked, list(configuration.models))
    raise InvalidGrader(
        f"Unknown judge model {asked[:100]!r}. Configured are: {', '.join(map(repr, known))}.",
        param="model",
    )


def embedding_route(configuration: Configuration) -> Route | None:
    """Where texts are embedded, None where nothing is configured for it."""
    rule = configuration.embedding
    if rule is None:
        return None
    return _route(rule, "embedding", DEFAULT_EMBEDDING_MODEL)


def _route(rule: ModelRule, name: str, asked: str) -> Route:
    return Route(rule.upstream, rule.real_model(asked), name, rule.reasons(asked), rule.price)


def _nearest_first(asked: str, known: list[str]) -> list[str]:
    near = difflib.get_close_matches(asked, known, n=3, cutoff=0.4)
    return near + [name for name in known if name not in near]
