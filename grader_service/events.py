"""What happened, as frozen data: graders emit it, metrics and logs listen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from grader_service.errors import Usage

State = Literal["value", "invalid", "failed"]
"""A reward; no reward because of the sample; no reward because of us or of an upstream."""


@dataclass(frozen=True, slots=True)
class Graded:
    """One grade is done. `kinds` are the `errors.CannotGrade.kind` of all causes, parts included.

    `catalogue` is the catalogue's name for the grader, None for one that came in a request;
    `part` is True for a part of a multi, whose own event follows; `of_batch` for one of many that
    `BatchGraded` will tell of. `defect` is an exception of ours.
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
    of_batch: bool = False


@dataclass(frozen=True, slots=True)
class BatchGraded:
    """Many rows of one request are done: all of them where `complete`, else until the client left.

    `counts` are rows by state, and "refused" ones that could not be read; `causes` are rows by kind.
    """

    grader_type: str
    catalogue: str | None
    counts: Mapping[str, int]
    causes: Mapping[str, int]
    complete: bool
    seconds: float
    request_id: str


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


@dataclass(frozen=True, slots=True)
class KeysLoaded:
    """The file of API keys was read: how many are valid now, and what is wrong with its newest form."""

    keys: int
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
class JudgeOpened:
    """The judge is there: every (upstream, model) of the configuration as `JudgeAnswered` names them.

    `budgets` has the limits of the spending guard by period, "day" and "total", where they are set.
    """

    models: tuple[tuple[str, str], ...]
    budgets: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class JudgeAnswered:
    """One try at an upstream is over: an HTTP call for a verdict or for embeddings, not one that was cancelled.

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


BreakerState = Literal["closed", "open", "half_open"]
"""Open: nothing is sent to the upstream. Half open: one probe is."""


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """An upstream's circuit breaker has another state now."""

    upstream: str
    state: BreakerState


@dataclass(frozen=True, slots=True)
class BudgetCharged:
    """What judges have cost today (UTC) and in all, in the currency of the prices."""

    today: float
    total: float


Engine = Literal["docker", "bubblewrap", "off"]
"""What runs python graders."""


@dataclass(frozen=True, slots=True)
class SandboxOpened:
    """The sandbox has been chosen, or its readiness has changed; `warnings` are for the operator's log."""

    engine: Engine
    ready: bool
    reason: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SandboxRan:
    """One program has had its end in the sandbox, or its end while waiting for a worker (`run_seconds` is 0).

    `warm` tells that a worker for this source was ready; `end` is "value" or the `kind` of the error.
    """

    engine: Engine
    warm: bool
    queue_seconds: float
    run_seconds: float
    end: str


LossReason = Literal["died", "dirty", "silent", "protocol"]


@dataclass(frozen=True, slots=True)
class SandboxWorkerLost:
    """A worker was thrown away although it was not too many: it died, left something behind, or went silent.

    `last_words` is the end of the runner's stderr: lines of this service's own code, none of a grader's.
    """

    engine: Engine
    reason: LossReason
    last_words: str = ""


Outcome = Literal["passed", "failed", "errored"]
"""Of a row in a run: all criteria were met, one was not, or one could not be judged."""

RunEnd = Literal["completed", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A server has begun to work on a run of so many rows, or goes on with it."""

    run_id: str
    rows: int


@dataclass(frozen=True, slots=True)
class RowsGraded:
    """Rows of a run are graded and written down."""

    outcomes: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run is at its end. `seconds` is how long this server worked on it; `defect` is an exception of ours."""

    run_id: str
    status: RunEnd
    seconds: float
    defect: BaseException | None = None


WebhookOutcome = Literal["delivered", "failed", "given_up"]
"""Of one try: taken, to be tried again, or let go for good."""


@dataclass(frozen=True, slots=True)
class WebhookSent:
    """An event was sent to a webhook, or was meant to be."""

    outcome: WebhookOutcome
    endpoint_id: str
    event_id: str


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """Work on runs could not use the database; it is tried again. `reason` is the error's class, `defect` one of ours."""

    reason: str
    defect: BaseException | None = None


Event = (
    Graded
    | BatchGraded
    | Answered
    | CatalogueLoaded
    | KeysLoaded
    | JudgeOpened
    | JudgeAnswered
    | JudgeAnswerSought
    | BreakerChanged
    | BudgetCharged
    | SandboxOpened
    | SandboxRan
    | SandboxWorkerLost
    | RunStarted
    | RowsGraded
    | RunEnded
    | WebhookSent
    | StoreFailed
)

Observe = Callable[[Event], None]
"""A listener: must return at once and never raise."""

ObserveSandbox = Callable[[SandboxOpened | SandboxRan | SandboxWorkerLost], None]
"""A listener for the sandbox's own events alone."""
