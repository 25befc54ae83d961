"""What a PromQL query takes for granted of the service's metrics, read off its text."""

import re
from dataclasses import dataclass

_SELECTOR = re.compile(r"\b((?:grader|process|up)[a-z0-9_:]*)\s*(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-z_]+)\s*(=~|!=|!~|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|ignoring)\s*\(([^)]*)\)")
ADDED = frozenset({"instance", "job", "period"})
"""Labels that Prometheus or a rule's `label_replace` adds; the budget has `period` itself."""


@dataclass(frozen=True)
class Needs:
    """A metric's name, and label values that are asked for; "" stands for any."""

    name: str
    labels: tuple[tuple[str, str], ...]


def needs(query: str) -> list[Needs]:
    found = []
    text = re.sub(r"\b(?:by|on|ignoring|group_left)\s*\([^)]*\)", " ", query)
    for name, matchers in _SELECTOR.findall(text):
        labels = tuple(
            (label, value)
            for label, sign, given in _MATCHER.findall(matchers)
            if label not in ADDED
            for value in (given.split("|") if sign == "=~" else [given])
        )
        found.append(Needs(name, labels))
    return found


def grouped_by(query: str) -> set[str]:
    """Labels by which the query groups or joins."""
    names = {name.strip() for group in _GROUPING.findall(query) for name in group.split(",")}
    return names - {""}
