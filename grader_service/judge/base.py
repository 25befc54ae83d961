"""The seam between model graders and the LLM that judges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from grader_service.errors import Usage


@dataclass(frozen=True, slots=True)
class Question:
    """One request to a judge: rendered messages in the chat format, and the form of the answer.

    `answer_schema` is a JSON schema that the answer must fulfil; `sampling` holds the grader's
    `sampling_params` as they were spelled on the wire, without the nulls.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    answer_name: str
    answer_schema: Mapping[str, Any]
    sampling: Mapping[str, Any] = field(default_factory=dict)
    tenant: str = ""
    use_cache: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's answer that has the asked form, the dated model that gave it, and its price in tokens."""

    answer: Mapping[str, Any]
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector per text, in the order of the question."""

    vectors: Sequence[Sequence[float]]
    model: str
    usage: Usage


class Judge(Protocol):
    """Asks an LLM; safe to call concurrently. Its lifetime is an async context manager elsewhere."""

    async def complete(self, question: Question) -> Verdict:
        """Ask once (retries are inside).

        Raises:
            JudgeRefused, JudgeAnswerInvalid, JudgeAnswerTruncated, JudgeContentFiltered: about this sample.
            JudgeOff, JudgeUnavailable, JudgeRejected, JudgeTimedOut, BudgetExhausted: not about it.
        """
        ...

    async def embed(self, texts: Sequence[str], tenant: str = "") -> Embeddings:
        """Embed texts with the configured embedding model; raises as `complete` does."""
        ...

    def check_model(self, model: str) -> None:
        """Raise `InvalidGrader` where no upstream is configured for this model name."""
        ...
