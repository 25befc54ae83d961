"""What is wrong with a body or a grader's JSON, in words that name the place and the right spelling."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

TYPE_NAMES: Mapping[type, str] = MappingProxyType(
    {
        str: "a string",
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        list: "an array",
        dict: "an object",
        type(None): "null",
    }
)
EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "string_type": "a string",
        "float_type": "a number",
        "int_type": "an integer",
        "int_from_float": "an integer",
        "bool_type": "a boolean",
        "dict_type": "an object",
        "model_type": "an object",
        "model_attributes_type": "an object",
        "list_type": "an array",
        "finite_number": "a finite number",
    }
)
"""pydantic's error types that mean "another JSON type was expected"."""

RIGHT_KEY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "source": ("code", "python", "script", "function"),
        "input": ("prompt", "messages", "text"),
        "reference": ("expected", "answer", "target"),
        "operation": ("op", "operator"),
        "evaluation_metric": ("metric",),
        "calculate_output": ("formula", "expression", "output"),
        "graders": ("parts", "children"),
        "model_sample": ("sample", "output_text"),
        "url": ("endpoint", "uri"),
    }
)
"""A field that graders must have, and what people write instead."""

RIGHT_VALUE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "operation": MappingProxyType(
            {
                "neq": "ne",
                "not_eq": "ne",
                "!=": "ne",
                "==": "eq",
                "equals": "eq",
                "contains": "like",
                "icontains": "ilike",
            }
        ),
        "evaluation_metric": MappingProxyType({"rouge": "rouge_l", "fuzzy": "fuzzy_match"}),
        "type": MappingProxyType(
            {"model": "score_model", "llm": "score_model", "label": "label_model", "code": "python"}
        ),
    }
)
"""Fields with a closed set of values, and the word that was meant by some that are not in it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: `param` is the dotted place (`grader.graders.a.input`), `path` the same in parts."""

    path: tuple[str | int, ...]
    message: str

    @property
    def param(self) -> str:
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text


def faults_of(error: ValidationError, data: Any) -> list[Fault]:
    """Every fault that pydantic found in `data`, places as the author of the JSON knows them."""
    return [
        _fault(detail, data) for detail in error.errors(include_url=False, include_context=True)
    ]


def summary(faults: Sequence[Fault]) -> str:
    """The first fault whole, the places of the others."""
    first, *others = faults
    if not others:
        return first.message
    places = ", ".join(repr(fault.param) for fault in others[:5])
    return f"{first.message} ({len(others)} more at {places})"


def _fault(detail: ErrorDetails, data: Any) -> Fault:
    path, parent, value = _locate(detail, data)
    place = Fault(path, "").param
    where = f" for {place!r}" if place else ""
    name = str(path[-1]) if path else ""
    kind = detail["type"]
    if kind == "missing":
        return Fault(path, f"Missing required parameter: {place!r}.{_missing_hint(name, parent)}")
    if kind in EXPECTED:
        got = TYPE_NAMES.get(type(value), type(value).__name__)
        hint = _number_hint(value) if EXPECTED[kind] == "a number" else ""
        return Fault(
            path,
            f"Invalid type{where}: expected {EXPECTED[kind]}, but got {got} instead.{hint}",
        )
    if kind in {"literal_error", "union_tag_invalid", "enum"}:
        return _wrong_word(detail, path, value)
    if kind == "union_tag_not_found":
        path = (*path, "type")
        return Fault(path, f"Missing required parameter: {Fault(path, '').param!r}.")
    message = detail["msg"].removeprefix("Value error, ")
    return Fault(path, f"Invalid value for {place!r}: {message}")


def _locate(
    detail: ErrorDetails, data: Any
) -> tuple[tuple[str | int, ...], Mapping[str, Any], Any]:
    """The path without the union tags that pydantic puts in, the object around the place, the value at it."""
    path: list[str | int] = []
    parent: Any = {}
    value = data
    tags = _tags(value)
    for position, step in enumerate(detail["loc"]):
        if step in tags:
            tags.remove(step)
            continue
        inside = (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        )
        last_of_missing = detail["type"] == "missing" and position == len(detail["loc"]) - 1
        if inside or last_of_missing:
            path.append(step)
            parent, value = value, value[step] if inside else None
            tags = _tags(value)
    return tuple(path), parent if isinstance(parent, dict) else {}, value


def _tags(value: Any) -> set[str | int]:
    """The steps that come before the keys of an object that is told apart by its `type`, and may be spelled like one."""
    kind = value.get("type") if isinstance(value, dict) else None
    return {"object", kind} if isinstance(kind, str) else set()


def _missing_hint(name: str, parent: Mapping[str, Any]) -> str:
    for wrong in RIGHT_KEY.get(name, ()):
        if wrong in parent:
            return f" {wrong!r} is not a known key here; rename it to {name!r}."
    near = difflib.get_close_matches(name, [str(key) for key in parent], n=1, cutoff=0.75)
    return f" {near[0]!r} is not a known key here; did you mean {name!r}?" if near else ""


def _number_hint(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    return f" Write {number:g} without quotes." if math.isfinite(number) else ""


def _wrong_word(detail: ErrorDetails, path: tuple[str | int, ...], value: Any) -> Fault:
    if detail["type"] == "union_tag_invalid":
        value = value["type"]
        words = detail["ctx"]["expected_tags"].replace("'", "").split(", ")
        path = (*path, "type")
    else:
        words = detail["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
    place = Fault(path, "").param
    supported = ", ".join(repr(word) for word in words)
    got = (
        repr(value)
        if isinstance(value, str) and len(value) <= 100
        else TYPE_NAMES.get(type(value), "this")
    )
    return Fault(
        path,
        f"Invalid value for {place!r}: {got}. Supported values are: {supported}.{_word_hint(path, value, words)}",
    )


def _word_hint(path: tuple[str | int, ...], value: Any, words: list[str]) -> str:
    if not isinstance(value, str):
        return ""
    meant = RIGHT_VALUE.get(str(path[-1]), {}).get(value.lower())
    if meant is None:
        near = difflib.get_close_matches(value.lower(), words, n=1)
        meant = near[0] if near else None
    return f" Did you mean {meant!r}?" if meant else ""
