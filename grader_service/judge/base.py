"""The seam between model graders and the LLM that judges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from grader_service.errors import Usage
from grader_service.events import BreakerState

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

DEFAULT_MAX_COMPLETIONS_TOKENS = 4096
"""What the hosted service uses where a grader says nothing (grader-api §8.3)."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """The grader's `sampling_params`; the defaults are the hosted service's (grader-api §8.3).

    A reasoning model gets no temperature and no top_p, any other no reasoning_effort.
    """

    max_completions_tokens: int = DEFAULT_MAX_COMPLETIONS_TOKENS
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    reasoning_effort: str | None = None


class Form(Protocol[T_co]):
    """What the judge's answer must look like; both readers raise `JudgeAnswerInvalid`, and never guess."""

    @property
    def name(self) -> str:
        """The name that the schema has on the wire."""
        ...

    def schema(self) -> dict[str, Any]:
        """The JSON schema that a structured answer fulfils."""
        ...

    def read_json(self, text: str) -> T_co:
        """The result in an answer that must be one JSON object of the schema."""
        ...

    def read_last_line(self, text: str) -> T_co:
        """The result on the last line with text, for upstreams without structured output."""
        ...


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """One request to a judge: rendered messages in the chat format, and the form of the answer.

    `model` is the name in the grader. `use_cache=False` means: a fresh answer of one's own, and
    none that is kept.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    form: Form[T]
    sampling: Sampling = field(default_factory=Sampling)
    tenant: str = ""
    use_cache: bool = True


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T_co]):
    """A judge's answer of the asked form, the dated model that gave it, and the tokens it cost *here*.

    `text` is the answer as it came. An answer that another question has paid for (from the cache,
    or shared in flight) has a usage of 0, so that sums over answers are what was paid.
    """

    result: T_co
    text: str
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector per text, in the order of the question."""

    vectors: Sequence[Sequence[float]]
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Load:
    """What one upstream is doing now: questions there, questions that wait for their turn, its breaker."""

    in_flight: int
    waiting: int
    breaker: BreakerState


class Judge(Protocol):
    """Asks an LLM; safe to call concurrently. Its lifetime is an async context manager elsewhere."""

    async def complete(self, question: Question[T]) -> Verdict[T]:
        """Ask once (retries are inside).

        Raises:
            JudgeRefused, JudgeAnswerInvalid, JudgeAnswerTruncated, JudgeContentFiltered, TextTooLarge: about this sample.
            JudgeOff, JudgeUnavailable, JudgeRejected, JudgeTimedOut, BudgetExhausted: not about it.
        """
        ...

    async def embed(self, texts: Sequence[str], tenant: str = "") -> Embeddings:
        """Embed texts with the configured embedding model; raises as `complete` does."""
        ...

    def check_model(self, model: str) -> bool | None:
        """Whether this model reasons, which decides what of the sampling it takes; None: not known.

        Raises:
            InvalidGrader: no upstream is configured for this name; the message lists those that are.
        """
        ...

    def load(self) -> Mapping[str, Load]:
        """The load of each configured upstream by its name, for gauges; never blocks."""
        ...
