"""What happened, as frozen data: graders emit it, metrics and logs listen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["value", "invalid", "failed"]
"""A reward; no reward because of the sample; no reward because of us or of an upstream."""


@dataclass(frozen=True, slots=True)
class Graded:
    """One grade is done. `kinds` are the `errors.CannotGrade.kind` of all causes, parts included.

    `catalogue` is the catalogue's name for the grader, None for one that came in a request;
    `part` is True for a part of a multi, whose own event follows. `defect` is an exception of ours.
    """

    grader_type: str
    catalogue: str | None
    part: bool
    state: State
    kinds: tuple[str, ...]
    reward: float
    seconds: float
    trace_id: str | None
    request_id: str
    defect: Exception | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """One HTTP request has its answer. `route` is the route's name, "none" where no route was reached; `defect` is an exception of ours."""

    route: str
    status: int
    seconds: float
    request_id: str
    defect: Exception | None = None


@dataclass(frozen=True, slots=True)
class CatalogueLoaded:
    """The catalogue was read: names now served, and faults found ("file:line: message")."""

    names: tuple[str, ...]
    faults: tuple[str, ...]


Event = Graded | Answered | CatalogueLoaded

Observe = Callable[[Event], None]
"""A listener: must return at once and never raise."""
