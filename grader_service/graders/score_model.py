"""`score_model`: the number that a judge model gives (grader-api §8.3)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from grader_service.graders.context import Context
from grader_service.graders.model_grader import ModelGrader
from grader_service.graders.result import Score
from grader_service.judge.forms import Number

DEFAULT_RANGE = (0.0, 1.0)


def _check_range(bounds: list[float]) -> list[float]:
    if len(bounds) != 2 or bounds[0] >= bounds[1]:
        raise ValueError("write the lowest and the highest score, as [0, 1]")
    return bounds


class ScoreModel(ModelGrader):
    """A number outside `range` counts as the nearer end of it; an answer of another form is no grade."""

    type: Literal["score_model"]
    range: (
        Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], AfterValidator(_check_range)]
        | None
    ) = None

    def bounds(self) -> tuple[float, float]:
        low, high = self.range or DEFAULT_RANGE
        return (low, high)

    async def score(self, ctx: Context) -> Score:
        low, high = self.bounds()
        verdict, asked = await self.ask(ctx, Number(low, high))
        clipped = min(max(verdict.result, low), high)
        return Score(
            clipped,
            usage={verdict.model: verdict.usage},
            sampled_model=verdict.model,
            asked=asked,
        )
