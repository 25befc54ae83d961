"""The lines of the batch face, as the server and its own client spell them.

A request is a head, then rows; an answer is a `Record` or a `RefusedRow` for each row, in the order
in which they are done, and at the end one `Last`. Without it the answer was cut off.
"""

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from grader_service.datasets.tally import Summary
from grader_service.graders import AnyGrader
from grader_service.sample import sample_of
from grader_service.wire import ErrorBody

MAX_INDEX = 2**53 - 1
"""The largest number that every JSON reader keeps exact."""


def _sample(given: Any) -> Any:
    return sample_of(given) if isinstance(given, str) else given


class BatchHead(BaseModel):
    """Which grader: one that stands here, or one of the catalogue."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    grader: AnyGrader | None = None
    grader_name: str | None = Field(
        None, description="Name in the catalogue, in place of `grader`."
    )

    @model_validator(mode="after")
    def _one_grader(self) -> "BatchHead":
        if (self.grader is None) == (self.grader_name is None):
            raise ValueError("give one of `grader` and `grader_name`")
        return self


class BatchRequest(BatchHead):
    """A batch as one JSON object; each of `rows` is a `BatchRow`."""

    rows: list[Any]


class BatchRow(BaseModel):
    """One sample to grade. `index` and `n` come back with its result; without `index` it is the row's place."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    sample: Annotated[dict[str, Any], BeforeValidator(_sample)] = Field(
        description="The `sample` namespace, or the model's output as a string; `model_sample` is the same.",
        validation_alias=AliasChoices("sample", "model_sample"),
    )
    item: dict[str, Any] = Field({}, description="The dataset row; fills `item`.")
    index: int | None = Field(None, ge=0, le=MAX_INDEX)
    n: int = Field(0, ge=0, le=MAX_INDEX)


class RefusedRow(TypedDict):
    """A row that could not be read. `row` is its place in the request, from 0."""

    row: int
    error: ErrorBody


class Last(TypedDict):
    """The last line: everything that came was answered; `seconds` since the request began."""

    summary: Summary
    seconds: float
