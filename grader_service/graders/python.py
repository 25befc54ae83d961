"""`python`: the author's `grade(sample, item)`, run in the sandbox (grader-api §8.5)."""

from typing import Literal

from pydantic import Field

from grader_service.errors import InvalidGrader
from grader_service.graders.base import Grader
from grader_service.graders.context import Context, Engines
from grader_service.graders.result import Score
from grader_service.sandbox.base import DEFAULT_IMAGE_TAG, Program


class Python(Grader):
    """Gets the raw `sample` and `item`, no templates."""

    type: Literal["python"]
    source: str
    image_tag: str = Field(DEFAULT_IMAGE_TAG, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")

    async def check(self, engines: Engines) -> list[str]:
        """Warnings for imports that the hosted service refuses.

        Raises:
            InvalidGrader: a syntax error, no usable `grade`, or a source that is too large.
        """
        findings = await engines.sources.look_at(self.source)
        if findings.error is not None:
            raise InvalidGrader(findings.error, param="source")
        return list(findings.warnings)

    async def score(self, ctx: Context) -> Score:
        program = Program(self.source, ctx.sample, ctx.item, self.image_tag, ctx.tenant)
        outcome = await ctx.engines.sandbox.run(program)
        return Score(outcome.value)
