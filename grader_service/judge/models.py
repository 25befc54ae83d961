"""Finds who answers for a model name."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from grader_service.errors import InvalidGrader, RequestRefused
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
    found = _find(configuration.models, asked)
    if found is None:
        raise InvalidGrader(_unknown("judge model", asked, configuration.models), param="model")
    return found


def sampled_route(configuration: Configuration, asked: str) -> Route:
    """The same for a model to draw from: those of `sampled` come before those of `models`, names before patterns.

    Raises:
        RequestRefused: there is none; the message lists what there is, the nearest first.
    """
    sampled, judges = configuration.sampled, configuration.models
    first = judges if asked in judges and asked not in sampled else sampled
    found = _find(first, asked) or _find(judges, asked)
    if found is None:
        message = _unknown("model", asked, {**sampled, **judges})
        raise RequestRefused(message, param="model")
    return found


def embedding_route(configuration: Configuration) -> Route | None:
    """Where texts are embedded, None where nothing is configured for it."""
    rule = configuration.embedding
    if rule is None:
        return None
    return _route(rule, "embedding", DEFAULT_EMBEDDING_MODEL)


def _find(rules: Mapping[str, ModelRule], asked: str) -> Route | None:
    rule = rules.get(asked)
    if rule is not None:
        return _route(rule, asked, asked)
    for pattern, candidate in rules.items():
        if fnmatchcase(asked, pattern):
            return _route(candidate, pattern, asked)
    return None


def _unknown(what: str, asked: str, rules: Mapping[str, ModelRule]) -> str:
    known = ", ".join(map(repr, _nearest_first(asked, list(rules))))
    return f"Unknown {what} {asked[:100]!r}. Configured are: {known}."


def _route(rule: ModelRule, name: str, asked: str) -> Route:
    return Route(rule.upstream, rule.real_model(asked), name, rule.reasons(asked), rule.price)


def _nearest_first(asked: str, known: list[str]) -> list[str]:
    near = difflib.get_close_matches(asked, known, n=3, cutoff=0.4)
    return near + [name for name in known if name not in near]
