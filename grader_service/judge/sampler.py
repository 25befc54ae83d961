"""The seam between datasets and the model whose outputs are graded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from grader_service.errors import Usage
from grader_service.judge.base import Sampling

Api = Literal["chat", "responses"]
"""`/chat/completions` or `/responses`."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked for one output: rendered messages in the chat format, tool turns too.

    `response_format` is in the chat form, `{"type": "json_schema", "json_schema": {…}}`; `tools` are
    as the caller spelled them, `{"type": "function", "function": {…}}` or flat. `api` is the one
    that the caller meant: an upstream without `/responses` is asked in translation.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    sampling: Sampling = field(default_factory=Sampling)
    response_format: Mapping[str, Any] | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    modalities: Sequence[str] = ()
    api: Api = "chat"


@dataclass(frozen=True, slots=True)
class Generation:
    """One output, in the chat form whichever API gave it.

    `message` has `role`, `content` (None where the model called tools or refused), `refusal`,
    `tool_calls` (a list) and `audio`. `hosted_calls` are items of built-in tools as they came
    (`web_search_call`, `mcp_call`). `model` is the dated one; `seed` the one that was really sent.
    """

    message: Mapping[str, Any]
    finish_reason: str
    model: str
    usage: Usage
    reasoning: str | None = None
    hosted_calls: Sequence[Mapping[str, Any]] = ()
    seed: int | None = None


class Sampler(Protocol):
    """Draws outputs; safe to call concurrently. Every call is a draw of its own: nothing is shared or kept."""

    async def sample(self, prompt: Prompt) -> Generation:
        """Draw once (retries are inside). A refusal, or an answer cut at the token limit, is an output, too.

        Raises:
            SampleFiltered, TextTooLarge: about this row.
            SamplerOff, SampleUnavailable, SampleRejected, SampleTimedOut, BudgetExhausted: not about it.
        """
        ...

    def check(self, prompt: Prompt) -> bool | None:
        """Whether the model reasons, which decides what of the sampling it takes; None: not known.

        Raises:
            RequestRefused: no upstream is configured for the model (`param` "model"), or its upstream
                cannot be asked for these tools ("sampling_params.tools").
        """
        ...
