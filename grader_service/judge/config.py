"""Which upstreams there are, and which of them answers for which model: from a YAML file or from the settings for one.

    upstreams:
      local:
        base_url: http://127.0.0.1:8000/v1
        api_key_env: LOCAL_KEY          # the name of the variable that holds the key, never the key
        concurrency: 32
      azure:
        kind: azure
        base_url: https://example.openai.azure.com
        api_version: 2025-04-01-preview
        api_key_env: AZURE_KEY
        requests_per_minute: 600
    models:
      gpt-4o-2024-08-06: {upstream: azure, model: my-deployment, price: {input: 2.5, cached: 1.25, output: 10}}
      "*": {upstream: local, model: qwen3-32b}
    embedding: {upstream: azure, model: text-embedding-3-large}
    sampled:                            # models that are sampled and graded, before those of `models`
      "*": {upstream: local}

A model named exactly wins over patterns, and an earlier pattern over a later one.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from grader_service.errors import CannotStart

KNOWN_MODELS: Final = (
    "gpt-4o",
    "gpt-4o-2024-08-06",
    "gpt-4o-mini",
    "gpt-4o-mini-2024-07-18",
    "gpt-4.1",
    "gpt-4.1-2025-04-14",
    "gpt-4.1-mini",
    "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano",
    "gpt-4.1-nano-2025-04-14",
    "o1",
    "o1-2024-12-17",
    "o3",
    "o3-2025-04-16",
    "o3-mini",
    "o3-mini-2025-01-31",
    "o4-mini",
    "o4-mini-2025-04-16",
    "gpt-5",
    "gpt-5-mini",
    "gpt-5.4-mini",
)
"""The hosted service's judges (grader-api §8.3) with their undated names, and those of the vendors' samples."""

DEFAULT_EMBEDDING_MODEL: Final = "text-embedding-3-large"

AnswerForm = Literal["json_schema", "json_object", "text"]

_REASONING = re.compile(r"(?:.*/)?(?:o[1-9](?:-|$)|gpt-5(?!.*chat))", re.IGNORECASE)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Price(_Part):
    """Per million tokens, in whatever currency the budget is."""

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(0.0, ge=0, allow_inf_nan=False)
    cached: float | None = Field(None, ge=0, allow_inf_nan=False)


class Upstream(_Part):
    """One API, and how hard it may be driven.

    `timeout_seconds` is for one try, of which there are `tries` within the grade's deadline.
    `answer_form` is where to begin; an upstream that answers 400 to a `response_format` is asked in
    the next simpler form. `token_limit` is the field for models that do not reason; `developer_role`
    is for servers whose chat template knows no `developer`.

    For models that are sampled: `sample_timeout_seconds` is for one try. `responses_api` says how the
    data source `responses` is asked: `native` by /responses, `chat` by /chat/completions in
    translation, `auto` by the first that the upstream knows. `hosted_tools` are the types of
    built-in tools, as web_search or mcp, that callers may have the upstream use: they act with the
    operator's account, and their fees are in no budget.
    """

    base_url: str = Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")
    kind: Literal["openai", "azure"] = "openai"
    api_version: str = "2025-04-01-preview"
    api_key_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    proxy: str | None = None
    concurrency: int = Field(32, ge=1)
    requests_per_minute: float | None = Field(None, gt=0)
    tokens_per_minute: float | None = Field(None, gt=0)
    timeout_seconds: float = Field(60.0, gt=0)
    connect_timeout_seconds: float = Field(5.0, gt=0)
    tries: int = Field(4, ge=1, le=20)
    breaker_failures: int = Field(10, ge=1)
    breaker_seconds: float = Field(15.0, gt=0)
    answer_form: AnswerForm = "json_schema"
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105 - a field of the wire
    developer_role: Literal["developer", "system"] = "developer"
    sample_timeout_seconds: float = Field(300.0, gt=0)
    responses_api: Literal["auto", "native", "chat"] = "auto"
    hosted_tools: tuple[str, ...] = ()

    def among(self, processes: int) -> "Upstream":
        """How hard one of the server's processes may drive it."""
        per_minute = {
            name: limit / processes
            for name in ("requests_per_minute", "tokens_per_minute")
            if (limit := getattr(self, name)) is not None
        }
        return self.model_copy(update={"concurrency": self.concurrency // processes, **per_minute})


class ModelRule(_Part):
    """Where questions for a model go; `model` is the upstream's own name or deployment, the asked one by default.

    `reasoning` is read off the upstream's name where nothing is said.
    """

    upstream: str
    model: str | None = Field(None, min_length=1)
    reasoning: bool | None = None
    price: Price | None = None

    def real_model(self, asked: str) -> str:
        return self.model or asked

    def reasons(self, asked: str) -> bool:
        if self.reasoning is not None:
            return self.reasoning
        return _REASONING.match(self.real_model(asked)) is not None


class Configuration(_Part):
    """All of it; `keys` are the secrets by upstream, never part of the file.

    `sampled` has models that are drawn from only; a judge is looked up in `models` alone.
    """

    upstreams: Mapping[str, Upstream] = Field(min_length=1)
    models: Mapping[str, ModelRule] = Field(min_length=1)
    embedding: ModelRule | None = None
    sampled: Mapping[str, ModelRule] = Field({})
    keys: Mapping[str, SecretStr] = Field({}, exclude=True, init=False)

    @model_validator(mode="after")
    def _check_references(self) -> "Configuration":
        for name, rule in self.rules():
            if rule.upstream not in self.upstreams:
                known = ", ".join(repr(upstream) for upstream in self.upstreams)
                raise ValueError(
                    f"{name!r} names the upstream {rule.upstream!r}, and there are only {known}"
                )
        return self

    def among(self, processes: int) -> "Configuration":
        """What one of the server's processes gets.

        Raises:
            CannotStart: an upstream takes fewer questions at once than there are processes.
        """
        for name, upstream in self.upstreams.items():
            if upstream.concurrency < processes:
                raise CannotStart(
                    f"GRADER_JUDGES: upstreams.{name}.concurrency is {upstream.concurrency}, which cannot be divided among "
                    f"GRADER_PROCESSES={processes}; raise the one or lower the other"
                )
        shares = {name: upstream.among(processes) for name, upstream in self.upstreams.items()}
        return self.model_copy(update={"upstreams": shares})

    def unpriced(self) -> list[str]:
        """The models whose price is not known."""
        return [name for name, rule in self.rules() if rule.price is None]

    def rules(self) -> list[tuple[str, ModelRule]]:
        """Every rule with its name; a name may be in `models` and in `sampled`."""
        embedding = [("embedding", self.embedding)] if self.embedding is not None else []
        return [*self.models.items(), *embedding, *self.sampled.items()]


def read(path: Path, secret: Callable[[str], SecretStr | None]) -> Configuration:
    """The configuration file; `secret` gives the value of an environment variable.

    Raises:
        CannotStart: one line with file, line, place and what to do.
    """
    try:
        text = path.read_text()
        data = yaml.safe_load(text)
    except OSError as error:
        raise CannotStart(
            f"GRADER_JUDGES: the file {str(path)!r} cannot be read: {error.strerror}"
        ) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CannotStart(f"GRADER_JUDGES: {path}:{line}: {error.problem}; mend the YAML") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CannotStart(f"GRADER_JUDGES: {path}:1: {error}; mend the YAML") from None
    return _parse(path, text, data, secret)


def _parse(
    path: Path, text: str, data: Any, secret: Callable[[str], SecretStr | None]
) -> Configuration:
    try:
        configuration = Configuration.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        misspelt = [fault for fault in faults if fault["type"] == "extra_forbidden"]
        fault = (misspelt or faults)[0]  # a misspelt name explains the one that is missing
        place = ".".join(str(step) for step in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        where = f"{path}:{_line_of(text, fault['loc'])}:{f' {place}:' if place else ''}"
        raise CannotStart(f"GRADER_JUDGES: {where} {message}{_advice(fault['type'])}") from None
    keys: dict[str, SecretStr] = {}
    for name, upstream in configuration.upstreams.items():
        if upstream.api_key_env is None:
            continue
        key = secret(upstream.api_key_env)
        if key is None:  # the name is not told: somebody may have written the key itself here
            line = _line_of(text, ("upstreams", name, "api_key_env"))
            raise CannotStart(
                f"GRADER_JUDGES: {path}:{line}: upstreams.{name}.api_key_env: the environment variable that "
                "it names is not set; set that to the key, or remove the line"
            )
        keys[name] = key
    return configuration.model_copy(update={"keys": keys})


def _advice(kind: str) -> str:
    return {
        "extra_forbidden": "; remove it or mend its name",
        "missing": "; add it",
        "model_type": "; write a map with `upstreams` and `models`",
    }.get(kind, "")


def _line_of(text: str, path: tuple[str | int, ...]) -> int:
    """The line of a place in the file, or of the innermost thing around it."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = node.start_mark.line if node is not None else 0
    for step in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        child = next((pair for pair in pairs if pair[0].value == str(step)), None)
        if child is None:
            break
        line, node = child[0].start_mark.line, child[1]
    return int(line) + 1
