"""What graders that ask a judge have in common: messages, a model, and how it samples (grader-api §8.3)."""

import difflib
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from grader_service.graders.base import Grader
from grader_service.graders.context import Context, Engines
from grader_service.graders.messages import Messages
from grader_service.graders.result import Asked
from grader_service.judge.base import Form, Question, Sampling, Verdict

T = TypeVar("T")


def _refuse_both(data: Any, names: tuple[str, str]) -> Any:
    if isinstance(data, dict) and all(name in data for name in names):
        raise ValueError(f"{names[0]!r} and {names[1]!r} are the same; give one of them")
    return data


class SamplingParams(BaseModel):
    """As the wire has it; null is as good as absent. Keys that are not known are not sent to the judge.

    `max_completions_tokens` is the graders' spelling, `max_completion_tokens` that of newer
    documents: both are taken.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", hide_input_in_errors=True)

    max_completions_tokens: int | None = Field(
        None,
        ge=1,
        validation_alias=AliasChoices("max_completions_tokens", "max_completion_tokens"),
    )
    temperature: float | None = Field(None, ge=0, le=2, allow_inf_nan=False)
    top_p: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = (
        None
    )

    @model_validator(mode="before")
    @classmethod
    def _one_limit(cls, data: Any) -> Any:
        return _refuse_both(data, ("max_completions_tokens", "max_completion_tokens"))

    def given(self) -> dict[str, Any]:
        """The known parameters that say something."""
        return {
            name: value
            for name in type(self).model_fields
            if (value := getattr(self, name)) is not None
        }

    def warnings(self, model: str, *, reasoning: bool | None) -> list[str]:
        """What is given and not sent to this model; whether it reasons is None where nobody knows."""
        refused: tuple[str, ...] = ()
        if reasoning is not None:
            refused = ("temperature", "top_p") if reasoning else ("reasoning_effort",)
        known = [name for name in refused if getattr(self, name) is not None]
        return [f"sampling_params.{name} is not sent to {model}" for name in known] + [
            f"sampling_params.{name[:60]} is not known and not sent{self._meant(name)}"
            for name in self.model_extra or {}
        ]

    def _meant(self, name: str) -> str:
        near = difflib.get_close_matches(name, type(self).model_fields, n=1)
        return f"; did you mean {near[0]}?" if near else ""


class ModelGrader(Grader):
    """Rendered messages to the judge, an answer of a required form back."""

    input: Messages
    model: Annotated[str, Field(min_length=1)]
    sampling_params: SamplingParams | None = Field(
        None, validation_alias=AliasChoices("sampling_params", "sampling_parameters")
    )

    waits: ClassVar[bool] = True

    @model_validator(mode="before")
    @classmethod
    def _one_sampling(cls, data: Any) -> Any:
        return _refuse_both(data, ("sampling_params", "sampling_parameters"))

    async def check(self, engines: Engines) -> list[str]:
        """Raises InvalidGrader where no upstream is configured for the model."""
        reasoning = engines.judge.check_model(self.model)
        if self.sampling_params is None:
            return []
        return self.sampling_params.warnings(self.model, reasoning=reasoning)

    def texts(self) -> Sequence[tuple[str, str]]:
        """Every string leaf of the messages, told by its message."""
        found: list[tuple[str, str]] = []
        for place, message in enumerate(self.input):

            def note(text: str, place: str = f"input[{place}]") -> str:
                found.append((place, text))
                return text

            message.chat(note)
        return found

    async def ask(self, ctx: Context, form: Form[T]) -> tuple[Verdict[T], Asked]:
        """Raises CannotGrade: what rendering and `Judge.complete` raise."""
        given = self.sampling_params.given() if self.sampling_params else {}
        question = Question(
            model=self.model,
            messages=[message.chat(ctx.render) for message in self.input],
            form=form,
            sampling=Sampling(**given),
            tenant=ctx.tenant,
            use_cache=ctx.use_cache,
        )
        verdict = await ctx.engines.judge.complete(question)
        return verdict, Asked(
            question.messages, question.sampling, verdict.text, verdict.model, verdict.usage
        )
