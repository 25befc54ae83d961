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
    defect: Exception | None = None


Observe = Callable[[Graded], None]
"""A listener: must return at once and never raise."""
