"""A sampler that says what a test has scripted, and fails loudly when asked for more."""

from collections.abc import Iterable

from grader_service.errors import CannotGrade, Usage
from grader_service.judge.sampler import Generation, Prompt

MODEL = "sampled-2025-01-01"
USAGE = Usage(10, 5, 15, 0)

Step = str | Generation | CannotGrade


def said(text: str | None, *, finish_reason: str = "stop", **message: object) -> Generation:
    """An output with this text; `refusal`, `tool_calls`, `audio` by name."""
    empty = {"role": "assistant", "refusal": None, "tool_calls": [], "audio": None}
    return Generation({**empty, "content": text, **message}, finish_reason, MODEL, USAGE)


class ScriptedSampler:
    """Each `sample` takes the next step: a text or a generation is the output, an error is raised."""

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        self._steps = list(steps)
        self.prompts: list[Prompt] = []

    async def sample(self, prompt: Prompt) -> Generation:
        self.prompts.append(prompt)
        assert self._steps, "the sampler was asked for more than was scripted"
        step = self._steps.pop(0)
        if isinstance(step, CannotGrade):
            raise step
        return said(step) if isinstance(step, str) else step

    def check(self, prompt: Prompt) -> bool | None:
        """Every model is fine."""
        return None
