"""`python`: the author's `grade(sample, item)`, run in the sandbox (grader-api §8.5)."""

from typing import Literal

from grader_service.graders.base import Grader
from grader_service.graders.context import Context
from grader_service.graders.result import Score
from grader_service.sandbox.base import DEFAULT_IMAGE_TAG, Program


class Python(Grader):
    """Gets the raw `sample` and `item`, no templates."""

    type: Literal["python"]
    source: str
    image_tag: str = DEFAULT_IMAGE_TAG

    async def score(self, ctx: Context) -> Score:
        program = Program(self.source, ctx.sample, ctx.item, self.image_tag, ctx.tenant)
        outcome = await ctx.engines.sandbox.run(program)
        return Score(outcome.value)
