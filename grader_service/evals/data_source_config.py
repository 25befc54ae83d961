"""`data_source_config`: what is sent, and what is shown of it (evals-api §2.1)."""

from collections.abc import Sequence
from typing import Any

from grader_service import template
from grader_service.evals.bodies import CustomConfig, LogsConfig
from grader_service.evals.sample_schema import SAMPLE_SCHEMA
from grader_service.graders.base import Grader

_ANY = {"type": "object"}


def shown(config: CustomConfig | LogsConfig) -> dict[str, Any]:
    """One schema for whole rows in place of what was sent."""
    if isinstance(config, LogsConfig):
        schema = _schema({"item": _ANY, "sample": _ANY})
        return {"type": config.type, "metadata": config.metadata, "schema": schema}
    properties = {"item": config.item_schema}
    if config.include_sample_schema:
        properties["sample"] = SAMPLE_SCHEMA
    return {"type": config.type, "schema": _schema(properties), "max_items": None}


def _schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def item_schema(shown_config: dict[str, Any]) -> Any:
    """The schema of `item` in a config as it is shown; None where one from elsewhere has none."""
    schema: Any = shown_config
    for key in ("schema", "properties", "item"):
        schema = schema.get(key) if isinstance(schema, dict) else None
    return schema


def warnings(config: CustomConfig | LogsConfig, graders: Sequence[Grader]) -> list[str]:
    """What the hosted service may refuse and this one does not."""
    if isinstance(config, LogsConfig) or config.include_sample_schema:
        return []
    return [
        f"testing_criteria[{position}] names `sample`, and include_sample_schema is not true"
        for position, grader in enumerate(graders)
        if _names_sample(grader)
    ]


def _names_sample(grader: Grader) -> bool:
    return any(
        variable.namespace == "sample"
        for _, text in grader.texts()
        for variable in template.parse(text).variables
    )
