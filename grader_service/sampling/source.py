"""The sampled part of a run's data source: which model is asked what, and how (evals-api §2.3)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from grader_service.errors import RequestRefused
from grader_service.graders.faults import faults_of, summary
from grader_service.judge.sampler import Prompt, Sampler
from grader_service.sampling.messages import InputMessages
from grader_service.sampling.params import SamplingParams


class SampledSource(BaseModel):
    """A data source `completions` or `responses` that names a model; its other keys are left to others.

    `modalities` is not in the published schema, and the vendor's audio samples send it here.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    type: Literal["completions", "responses"]
    model: Annotated[str, Field(min_length=1, max_length=256)]
    input_messages: InputMessages
    sampling_params: SamplingParams | None = None
    modalities: list[Literal["text", "audio"]] | None = None

    def params(self) -> SamplingParams:
        return self.sampling_params or SamplingParams()

    def prompt(self, item: Mapping[str, Any], *, repeat: int = 0) -> Prompt:
        """What the model is asked for this row.

        `repeat` counts the outputs drawn for one row; with a seed each has another one, or all
        would be the same.

        Raises:
            VariableMissing, InputMessagesInvalid, TextTooLarge: the row lacks what the messages need.
        """
        return self._asked(self.input_messages.chat(item), repeat)

    def check(self, sampler: Sampler) -> list[str]:
        """Say before a run what would fail for every row; returns warnings.

        Raises:
            RequestRefused: `param` is relative to the data source.
        """
        reasoning = sampler.check(self._asked([], 0))
        warnings = self.params().warnings(self.model, reasoning=reasoning)
        if self.type == "responses" and self.params().seed is not None:
            warnings.append("sampling_params.seed is not sent to upstreams with /responses")
        return warnings

    def _asked(self, messages: list[dict[str, Any]], repeat: int) -> Prompt:
        params = self.params()
        sampling = params.sampling()
        if sampling.seed is not None:
            sampling = replace(sampling, seed=sampling.seed + repeat)
        return Prompt(
            model=self.model,
            messages=messages,
            sampling=sampling,
            response_format=params.format(),
            tools=params.tools or (),
            modalities=self.modalities or (),
            api="responses" if self.type == "responses" else "chat",
        )


def parse(data: Any) -> SampledSource:
    """A data source as JSON brought it.

    Raises:
        RequestRefused: with the place of the first fault in `param`, relative to the data source.
    """
    try:
        return SampledSource.model_validate(data)
    except ValidationError as error:
        faults = faults_of(error, data)
        raise RequestRefused(summary(faults), param=faults[0].param or None) from None
