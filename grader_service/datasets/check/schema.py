"""Rules for the response format, and what its schema promises of `sample.output_json` (grader-api §2.2)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Promise = Literal["always", "perhaps", "never"]

MAX_DEPTH: Final = 64
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEYWORDS: Final = frozenset({"items", "prefixItems", "properties", "type"})


def schema_in(response_format: Any) -> Any:
    """The schema wherever it stands: at the job's place, at that of the Responses API, or bare."""
    if not isinstance(response_format, dict):
        return None
    inner = response_format.get("json_schema")
    if isinstance(inner, dict):
        return inner.get("schema")
    if response_format.get("type") == "json_schema":
        return response_format.get("schema")
    if response_format.get("type") == "json_object":
        return True  # the schema of everything
    return response_format if is_bare(response_format) else None


def is_bare(response_format: Mapping[str, Any]) -> bool:
    """A schema itself, without the response format around it."""
    return response_format.get("type") in ("object", "array") or "properties" in response_format


def usable_name(name: Any) -> bool:
    """Whether a response format can be called so."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def faults_of_schema(schema: Any) -> Iterator[str]:
    """The first thing that makes it no JSON Schema."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 0.1 s, for few commands
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    validator = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    error = best_match(validator.iter_errors(schema))
    if error is not None:
        yield f"{_spelled(error.absolute_path)} is not as JSON Schema has it ({error.validator})"


def faults_of_strictness(schema: Any, place: str = "schema", depth: int = 0) -> Iterator[str]:
    """What `strict` asks of every object: no further keys, and none that may be left out."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return
    properties = schema.get("properties")
    if isinstance(properties, dict):
        if schema.get("additionalProperties") is not False:
            yield f'{place} needs "additionalProperties": false'
        required = schema.get("required")
        left = [key for key in properties if not isinstance(required, list) or key not in required]
        if left:
            yield f"{place}.required lacks {', '.join(map(repr, left[:5]))}"
    for key, inner in _inside(schema):
        yield from faults_of_strictness(inner, f"{place}.{key}", depth + 1)


def _inside(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for holder in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(holder), dict):
            yield from ((f"{holder}.{key}", inner) for key, inner in schema[holder].items())
    for holder in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(holder), list):
            yield from ((f"{holder}[{n}]", inner) for n, inner in enumerate(schema[holder]))
    yield "items", schema.get("items")


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether every output has what a path names; `known` are the keys where it ends, `depth` how far it came."""

    promise: Promise
    depth: int = 0
    known: Sequence[str] = ()


def promised(schema: Any, path: Sequence[str | int]) -> Answer:
    """Follow a path through the schema."""
    options = _options(schema, schema)
    promise: Promise = "always"
    for depth, step in enumerate(path):
        following: list[Any] = []
        for option in options:
            inner = _step(option, step)
            if inner is False or not _is_certain(option, step):
                promise = "perhaps"
            if inner is not False:
                following += _options(inner, schema)
        if not following:
            return Answer("never", depth, _keys(options))
        if any(option is True for option in following):
            return Answer(promise)  # what follows is not said, or is a text
        options = following
    return Answer(promise)


def _step(option: Any, step: str | int) -> Any:
    """The schema one step in; True where anything may be there, False where nothing is."""
    if not isinstance(option, dict):
        return option
    if _types(option) == {"string"}:
        return True  # a path may go on into a string that is JSON
    if isinstance(step, str):
        properties = option.get("properties")
        if isinstance(properties, dict) and step in properties:
            return properties[step]
        return option.get("additionalProperties", not properties and _may_be(option, "object"))
    listed = option.get("prefixItems")
    if isinstance(listed, list) and 0 <= step < len(listed):
        return listed[step]
    return option.get("items", _may_be(option, "array"))


def _is_certain(option: Any, step: str | int) -> bool:
    if not isinstance(option, dict) or _types(option) == {"string"}:
        return True  # nothing is said of it
    if isinstance(step, str):
        required = option.get("required")
        return isinstance(required, list) and step in required and "null" not in _types(option)
    return True  # how long arrays are, schemas seldom say


def _types(option: Mapping[str, Any]) -> set[str]:
    kind = option.get("type")
    return {each for each in (kind if isinstance(kind, list) else [kind]) if isinstance(each, str)}


def _may_be(option: Mapping[str, Any], kind: str) -> bool:
    return not _types(option) or kind in _types(option)


def _options(schema: Any, root: Any) -> list[Any]:
    """The alternatives that a schema is, references followed; each schema is entered once, however they turn in circles."""
    found: list[Any] = []
    entered: set[int] = set()
    ahead = [schema]
    while ahead:
        each = ahead.pop()
        if not isinstance(each, dict):
            found.append(each is not False)
        elif id(each) not in entered:
            entered.add(id(each))
            alternatives = each.get("anyOf", each.get("oneOf"))
            if "$ref" in each:
                ahead.append(_referred(each["$ref"], root))
            elif isinstance(alternatives, list):
                ahead += reversed(alternatives)
            else:
                found.append(each if each.keys() & _KEYWORDS and "allOf" not in each else True)
    return found


def _referred(reference: Any, root: Any) -> Any:
    """Only what stands in the schema itself; anything else is not known."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return True
    found = root
    for step in reference[1:].strip("/").split("/"):
        if step:
            found = (
                found.get(step.replace("~1", "/").replace("~0", "~"))
                if isinstance(found, dict)
                else None
            )
    return True if found is None else found


def _keys(options: Sequence[Any]) -> list[str]:
    return [
        key
        for option in options
        if isinstance(option, dict) and isinstance(option.get("properties"), dict)
        for key in option["properties"]
    ]


def _spelled(path: Sequence[str | int]) -> str:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return f"schema{steps}"[:200]
