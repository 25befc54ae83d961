"""What every grader is: its wire form, one hook `score`, and the one place where failures become data."""

import asyncio
import math
import random
import string
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)

from grader_service import template
from grader_service.errors import CannotGrade, DeadlineExceeded, InternalFault, Usage
from grader_service.events import Graded
from grader_service.graders.context import Context, Engines
from grader_service.graders.result import Cause, Result, Score

_ALPHANUMERICS = string.ascii_letters + string.digits


def _generate_name() -> str:
    """`grader-` and 12 alphanumerics, as the hosted service names the nameless (grader-api §0.6)."""
    return "grader-" + "".join(random.choices(_ALPHANUMERICS, k=12))  # noqa: S311 - a name, no secret


def _check_template(text: str) -> str:
    template.parse(text)
    return text


TemplateText = Annotated[str, AfterValidator(_check_template)]
"""A string whose `{{ … }}` are checked when the grader is parsed."""


class Grader(BaseModel):
    """A grader as the wire spells it. Keys that it does not know are kept in `spelled` only."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    type: str
    name: str = Field(default_factory=_generate_name)
    pass_threshold: float | None = Field(default=None, allow_inf_nan=False)
    invalid_grade: float = Field(default=0.0, allow_inf_nan=False)

    waits: ClassVar[bool] = True
    """Whether `score` can suspend; a multi grades those that never do without a task of their own."""

    _spelled: Mapping[str, Any] = PrivateAttr()

    @model_validator(mode="wrap")
    @classmethod
    def _keep_spelling(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        grader = handler(data)
        grader._spelled = data  # noqa: SLF001 - its own class
        return grader

    @property
    def spelled(self) -> Mapping[str, Any]:
        """The JSON that this grader was parsed from: its keys in their order, unknown ones too."""
        return self._spelled

    async def check(self, engines: Engines) -> list[str]:
        """Say what parsing alone cannot know; returns warnings for the author.

        Raises:
            InvalidGrader: with `param` relative to this grader.
        """
        return []

    def parts(self) -> Mapping[str, "Grader"]:
        """Those that look at samples themselves, by their place: "" is this one, `graders.KEY.` a multi's part."""
        return {"": self}

    def texts(self) -> Sequence[tuple[str, str]]:
        """Its templates with their places, as `("input[0]", "…")`; none where it gets the namespaces as they are."""
        return ()

    def bounds(self) -> tuple[float, float]:
        """No reward of a graded sample is below the first or above the second; infinite where nothing is known."""
        return (-math.inf, math.inf)

    async def score(self, ctx: Context) -> Score:
        """The one thing that this grader is.

        Raises:
            CannotGrade: no reward could be had.
        """
        raise NotImplementedError

    async def grade(self, ctx: Context) -> Result:
        """Grade one sample. Never raises but for cancellation: each failure becomes a `Cause`."""
        if ctx.engines.trace is None:
            return await self._grade(ctx)
        with ctx.engines.trace.span("grade", **{"grader.type": self.type}):
            return await self._grade(ctx)

    async def _grade(self, ctx: Context) -> Result:
        started = time.perf_counter()
        defect: Exception | None = None
        try:
            score = await self._score_in_time(ctx)
        except CannotGrade as error:
            score = Score(self.invalid_grade, causes=(Cause.of(error),), usage=error.spent)
        except Exception as error:  # noqa: BLE001 - the outermost boundary of grading: a defect of ours is named, never scored
            defect = error
            fault = InternalFault(f"a defect of the grader service: {type(error).__name__}")
            score = Score(self.invalid_grade, causes=(Cause.of(fault),))
        result = self._result(score, time.perf_counter() - started)
        ctx.engines.observe(
            Graded(
                grader_type=self.type,
                catalogue=ctx.catalogue,
                part=ctx.part,
                state=result.state,
                kinds=tuple(cause.kind for cause in result.causes),
                reward=result.reward,
                seconds=result.seconds,
                trace_id=ctx.trace_id,
                request_id=ctx.request_id,
                defect=defect,
                of_batch=ctx.of_batch,
            )
        )
        return result

    async def _score_in_time(self, ctx: Context) -> Score:
        if ctx.deadline_seconds is None or not self.waits:
            return await self.score(ctx)
        deadline = asyncio.timeout(ctx.deadline_seconds)
        try:
            async with deadline:
                return await self.score(ctx)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise DeadlineExceeded(
                f"the grade was not done after {ctx.deadline_seconds:g} s, the deadline of a request "
                "(GRADER_DEADLINE_SECONDS)"
            ) from None

    def _result(self, score: Score, seconds: float) -> Result:
        """Roll the parts' causes and tokens up; a reward stands unless something of one's own or a part failed."""
        causes = score.causes
        usage = score.usage
        if score.parts:
            causes += tuple(
                replace(cause, where=key)
                for key, part in score.parts.items()
                for cause in part.causes
            )
            usage = _total(part.usage for part in score.parts.values())
        refused = bool(score.causes) or any(cause.failed for cause in causes)
        return Result(
            name=self.name,
            grader_type=self.type,
            reward=self.invalid_grade if refused else score.reward,
            seconds=seconds,
            causes=causes,
            parts=score.parts,
            usage=usage,
            sampled_model=score.sampled_model,
            asked=score.asked,
        )


def _total(usages: Iterable[Mapping[str, Usage]]) -> dict[str, Usage]:
    total: dict[str, Usage] = {}
    for usage in usages:
        for model, tokens in usage.items():
            total[model] = total.get(model, Usage()) + tokens
    return total
