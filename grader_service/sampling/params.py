"""`sampling_params` of the data sources `completions` and `responses` (evals-api §2.3); both spellings serve both."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from grader_service.graders import model_grader
from grader_service.judge.base import Sampling

MAX_TOOLS = 128


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="allow", hide_input_in_errors=True)


class PlainFormat(_Part):
    """Any text, or any JSON object."""

    type: Literal["text", "json_object"]

    def chat(self) -> dict[str, Any]:
        return {"type": self.type}


class JsonSchema(_Part):
    """A schema with its name."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None
    description: str | None = None

    def chat(self) -> dict[str, Any]:
        """In the chat form, without what was not said."""
        given = {"name": self.name, "strict": self.strict, "description": self.description}
        known = {key: value for key, value in given.items() if value is not None}
        return {"type": "json_schema", "json_schema": known | {"schema": self.schema_}}


class NestedSchema(_Part):
    """As `response_format` has it."""

    type: Literal["json_schema"]
    json_schema: JsonSchema

    def chat(self) -> dict[str, Any]:
        return self.json_schema.chat()


class FlatSchema(JsonSchema):
    """As `text.format` has it."""

    type: Literal["json_schema"]


class TextParams(_Part):
    """What the Responses API has around its format."""

    format: Annotated[PlainFormat | FlatSchema, Field(discriminator="type")] | None = None


def _check_tool(tool: dict[str, Any]) -> dict[str, Any]:
    kind = tool.get("type")
    if not isinstance(kind, str):
        raise ValueError('a tool has a type, as {"type": "function", "function": {"name": "…"}}')
    if kind != "function":
        return tool
    function = tool.get("function", tool)
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise ValueError(
            'a function has a name, as {"type": "function", "function": {"name": "…"}}'
        )
    return tool


Tool = Annotated[dict[str, Any], AfterValidator(_check_tool)]


class SamplingParams(model_grader.SamplingParams):
    """As for judges, and what the output may be: a format, tool calls."""

    response_format: Annotated[PlainFormat | NestedSchema, Field(discriminator="type")] | None = (
        None
    )
    text: TextParams | None = None
    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS)] | None = None

    @model_validator(mode="after")
    def _one_format(self) -> "SamplingParams":
        if self.response_format is not None and self.text is not None and self.text.format:
            raise ValueError("'response_format' and 'text.format' are the same; give one of them")
        return self

    def sampling(self) -> Sampling:
        """What is given, else the hosted service's defaults."""
        known = model_grader.SamplingParams.model_fields
        return Sampling(**{key: value for key, value in self.given().items() if key in known})

    def format(self) -> dict[str, Any] | None:
        """The format in the chat form; None for plain text, which needs no word."""
        chosen = self.response_format or (self.text.format if self.text else None)
        return None if chosen is None or chosen.type == "text" else chosen.chat()
