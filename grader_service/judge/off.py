"""The judge and the sampler where no upstream is configured: they refuse with a sentence that says what to do."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from grader_service.errors import JudgeOff, RequestRefused, SamplerOff
from grader_service.judge.base import Embeddings, Load, Question, Verdict
from grader_service.judge.sampler import Generation, Prompt

T = TypeVar("T")

NO_SAMPLER = "no model to sample from is configured; set GRADER_LLM_BASE_URL (and GRADER_LLM_API_KEY) to an OpenAI-compatible API, or GRADER_JUDGES"
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


class NoSampler:
    """Implements `Sampler` by refusing."""

    async def sample(self, prompt: Prompt) -> Generation:
        raise SamplerOff(NO_SAMPLER)

    def check(self, prompt: Prompt) -> bool | None:
        """A run that could not draw a single sample need not begin."""
        raise RequestRefused(
            f"Cannot sample from {prompt.model[:100]!r}: {NO_SAMPLER}", param="model"
        )
