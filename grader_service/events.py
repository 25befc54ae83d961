"""What happened, as frozen data: graders emit it, metrics and logs listen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from grader_service.errors import Usage

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


JudgeOutcome = Literal[
    "answered",
    "refused",
    "filtered",
    "truncated",
    "malformed",
    "throttled",
    "rejected",
    "failed",
    "timed_out",
]
"""How one try at an upstream ended; the last three and `throttled` gave no answer."""


@dataclass(frozen=True, slots=True)
class JudgeAnswered:
    """One try at an upstream is over: an HTTP call for a verdict or for embeddings.

    `upstream` and `model` are names of the configuration (`model` may be a pattern, "embedding" for
    embeddings). `cost` is in the budget's currency, None where no price is known.
    """

    upstream: str
    model: str
    outcome: JudgeOutcome
    seconds: float
    usage: Usage
    cost: float | None


@dataclass(frozen=True, slots=True)
class JudgeAnswerSought:
    """A question was looked for where it need not be paid: in the cache, or in flight.

    `place` "flight" tells only of hits; "error" is a cache that could not be asked.
    """

    place: Literal["cache", "flight"]
    result: Literal["hit", "miss", "error"]


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """An upstream's circuit breaker; open means that nothing is sent."""

    upstream: str
    state: Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class BudgetCharged:
    """What judges have cost today (UTC) and in all, in the currency of the prices."""

    today: float
    total: float


Event = (
    Graded
    | Answered
    | CatalogueLoaded
    | JudgeAnswered
    | JudgeAnswerSought
    | BreakerChanged
    | BudgetCharged
)

Observe = Callable[[Event], None]
"""A listener: must return at once and never raise."""
