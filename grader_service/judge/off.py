"""The judge where no upstream is configured: every question is refused with a sentence that says what to do."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from grader_service.errors import JudgeOff
from grader_service.judge.base import Embeddings, Load, Question, Verdict

T = TypeVar("T")

REASON = "no judge is configured; set GRADER_LLM_BASE_URL (and GRADER_LLM_API_KEY) to an OpenAI-compatible API, or GRADER_JUDGES"


class NoJudge:
    """Implements `Judge` by refusing; any model name passes validation."""

    async def complete(self, question: Question[T]) -> Verdict[T]:
        raise JudgeOff(REASON)

    async def embed(self, texts: Sequence[str], tenant: str = "") -> Embeddings:
        raise JudgeOff(REASON)

    def check_model(self, model: str) -> bool | None:
        """Nothing is known, so nothing is refused."""
        return None

    def load(self) -> Mapping[str, Load]:
        """There is no upstream."""
        return {}
