"""`label_model`: 1.0 where a judge model chooses a passing label, else 0.0 (grader-api §8.4)."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from grader_service.graders.context import Context
from grader_service.graders.model_grader import ModelGrader
from grader_service.graders.result import Score
from grader_service.judge.forms import Label


class LabelModel(ModelGrader):
    """The judge can choose only among `labels`; another word is no grade."""

    type: Literal["label_model"]
    labels: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    passing_labels: list[str]

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: list[str]) -> list[str]:
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"the label {label[:60]!r} is there twice")
        return labels

    @field_validator("passing_labels")
    @classmethod
    def _check_passing(cls, passing: list[str], info: ValidationInfo) -> list[str]:
        for label in passing:
            if label not in info.data.get("labels", passing):
                raise ValueError(f"{label[:60]!r} is none of the labels")
        return passing

    def bounds(self) -> tuple[float, float]:
        rewards = [1.0 if label in self.passing_labels else 0.0 for label in self.labels]
        return (min(rewards), max(rewards))

    async def score(self, ctx: Context) -> Score:
        verdict, asked = await self.ask(ctx, Label(self.labels))
        return Score(
            1.0 if verdict.result in self.passing_labels else 0.0,
            usage={verdict.model: verdict.usage},
            sampled_model=verdict.model,
            asked=asked,
        )
