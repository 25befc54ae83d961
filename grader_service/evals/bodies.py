"""What the Evals API is sent (evals-api §2)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from grader_service.evals.criteria import CriterionForm

_STRICT = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=16),
]
"""Up to 16 pairs that the API keeps for the caller."""


class _Form(BaseModel):
    model_config = _STRICT


class CustomConfig(_Form):
    """Rows are the caller's own; `item_schema` says what they look like."""

    type: Literal["custom"]
    item_schema: dict[str, Any]
    include_sample_schema: bool | None = None


class LogsConfig(_Form):
    """Rows are stored answers; `stored_completions` is the older word."""

    type: Literal["logs", "stored_completions"]
    metadata: dict[str, Any] | None = None


DataSourceConfig = Annotated[CustomConfig | LogsConfig, Field(discriminator="type")]


class CreateEval(_Form):
    """What data looks like, and the criteria that it is graded by."""

    data_source_config: DataSourceConfig
    testing_criteria: Annotated[list[CriterionForm], Field(min_length=1, max_length=100)]
    name: str | None = None
    metadata: Metadata | None = None


class UpdateEval(_Form):
    """Only these two can be changed."""

    name: str | None = None
    metadata: Metadata | None = None


class FileContent(_Form):
    """Rows in the request itself, each `{"item": {…}, "sample": …}`. They are read by themselves: see `incoming`."""

    type: Literal["file_content"]
    content: list[Any]


class FileId(_Form):
    """Rows in a file that was uploaded."""

    type: Literal["file_id"]
    id: str


def _refuse_stored(source: Any) -> Any:
    kind = source.get("type") if isinstance(source, dict) else None
    if kind in ("stored_completions", "responses", "logs"):
        raise ValueError(
            f"{kind!r} names answers in the store of the hosted service, which this server does not have; "
            "send them as rows with `item` and `sample`, in a file (file_id) or in the request (file_content)"
        )
    return source


Source = Annotated[
    FileContent | FileId, Field(discriminator="type"), BeforeValidator(_refuse_stored)
]


class JsonlSource(_Form):
    """Grade what is there; nothing is sampled."""

    type: Literal["jsonl"]
    source: Source


class SampledSource(_Form):
    """With `model` and `input_messages`, outputs are sampled from that model; without, rows bring their own."""

    type: Literal["completions", "responses"]
    source: Source
    model: str | None = None
    input_messages: dict[str, Any] | None = None
    sampling_params: dict[str, Any] | None = None


DataSource = Annotated[JsonlSource | SampledSource, Field(discriminator="type")]


class CreateRun(_Form):
    """One pass over the rows of a data source."""

    data_source: DataSource
    name: str | None = None
    metadata: Metadata | None = None
