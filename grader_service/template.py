"""The template language of graders' texts: `{{ item.path }}` and `{{ sample.path }}` (grader-api §6).

A variable is a namespace and steps into it:

    {{ item.a.b }}            {{ item.reference-answer }}   {{ item.答案 }}
    {{ item["odd key"] }}     {{ item['it\\'s'].x }}        {{ item.messages[0].content }}
    {{ item.messages[-1] }}   {{ sample }}

A name after a dot ends at a blank or at one of . [ ] { } ( ) " ' ` | , ; = < > ! & ~ ^ \\ / * + % ?
and what has one of these is written in brackets and quotes. A negative index counts from the end.
Where a path goes on into a string, that string is read as JSON (`arguments` of tool calls, `nums`
of datasets whose lists are strings). There are no filters, expressions, loops or comments.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from json import JSONEncoder
from typing import Any

from grader_service import jsontext, template_faults
from grader_service.errors import SampleNotJson, TextTooLarge, VariableMissing
from grader_service.template_faults import NAME, TemplateError

__all__ = ["MAX_RENDERED_CHARACTERS", "NotThere", "Template", "TemplateError", "Variable", "parse"]

MAX_RENDERED_CHARACTERS = 8 * 1024 * 1024
"""A small template that names a large value often must not fill the memory."""

_SHORT, _LONG = 512, 16 * 1024

_BRACES = re.compile(r"\{+|\}+")
_QUOTED = r""""(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'"""
_VARIABLE = re.compile(
    rf"\s*+((item|sample)((?:\.{NAME}|\[\s*+(?:-?[0-9]{{1,9}}|{_QUOTED})\s*+\])*+))\s*+\}}\}}"
)
_STEP = re.compile(rf"\.({NAME})|\[\s*(?:(-?[0-9]+)|({_QUOTED}))\s*\]")
_ESCAPE = re.compile(r"""\\(["'\\])""")

_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode


class NotThere(Exception):
    """A path ends before its last step: what `path[:depth]` leads to, and why it is no JSON where it is a text."""

    def __init__(self, depth: int, value: Any, no_json: str = "") -> None:
        super().__init__(depth)
        self.depth = depth
        self.value = value
        self.no_json = no_json


@dataclass(frozen=True, slots=True)
class Variable:
    """One `{{ … }}`: `item` or `sample`, the steps into it, and the text between the braces."""

    namespace: str
    path: tuple[str | int, ...]
    text: str

    @property
    def is_output_json(self) -> bool:
        return self.namespace == "sample" and self.path[:1] == ("output_json",)

    def find(self, value: Any, read: dict[str, Any]) -> Any:
        """What the path leads to from `value`, its namespace. `read` keeps the JSON of strings that were walked into.

        Raises:
            NotThere: without a sentence, which `missing` makes; it costs more than the search.
        """
        for depth, step in enumerate(self.path):
            if isinstance(value, str):
                value = _read(value, depth, read)
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                raise NotThere(depth, value) from None
        return value

    def missing(self, at: NotThere) -> VariableMissing:
        """The error that says where the path ends, and what there is instead."""
        if at.no_json:
            details = template_faults.no_json_inside(
                self.namespace, self.path, at.depth, at.no_json
            )
        else:
            details = template_faults.missing(self.namespace, self.path, at.depth, at.value)
        return VariableMissing(details)


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text; immutable, shared by all requests that spell the same one. `parse` makes it."""

    text: str
    variables: tuple[Variable, ...] = ()
    _pieces: tuple[str | Variable, ...] = field(default=(), repr=False)

    def render(self, item: Mapping[str, Any], sample: Mapping[str, Any]) -> str:
        """Replace every variable in one pass: what came from item or sample is never scanned.

        Strings go in as they are, null as empty text, all else as JSON with non-ASCII kept.

        Raises:
            VariableMissing: a path is not there; the details name it, and the keys that are.
            SampleNotJson: `sample.output_json` is named and the sample is no JSON.
            TextTooLarge: the text would be longer than `MAX_RENDERED_CHARACTERS`.
        """
        if not self.variables:
            return self.text
        read: dict[str, Any] = {}
        if len(self._pieces) == 1:
            return _text_of(self.variables[0], item, sample, read)
        room = MAX_RENDERED_CHARACTERS
        rendered = []
        for piece in self._pieces:
            text = piece if isinstance(piece, str) else _text_of(piece, item, sample, read)
            room -= len(text)
            if room < 0:
                raise TextTooLarge(
                    f"a template of the grader becomes longer than {MAX_RENDERED_CHARACTERS:,} characters with this sample"
                )
            rendered.append(text)
        return "".join(rendered)

    def value(self, item: Mapping[str, Any], sample: Mapping[str, Any]) -> Any:
        """What the first variable names, not made a text; a string is not read as JSON at the end of its path.

        Raises:
            VariableMissing: as `render` does.
        """
        return _value_of(self.variables[0], item, sample, {})


def parse(text: str) -> Template:
    """Parse in linear time; the result is cached where the text has at most 16,384 characters.

    A run of three `{` is a literal one and a variable; a closed variable takes the first `}}`, so
    that a third `}` is literal text. Two or more literal `}` in a row must have been opened before.

    Raises:
        TemplateError: a `ValueError` with the place and the right spelling.
    """
    if len(text) <= _SHORT:
        return _parse_short(text)
    return _parse_long(text) if len(text) <= _LONG else _parse(text)


def _parse(text: str) -> Template:
    pieces: list[str | Variable] = []
    position = literal_start = opened = 0
    while braces := _BRACES.search(text, position):
        start, position = braces.span()
        length = position - start
        if text[start] == "}":
            if length > max(opened, 1):
                raise template_faults.closed_too_often(text, start, length)
            opened = max(opened - length, 0)
        elif length == 1:
            opened += 1
        else:
            found = _VARIABLE.match(text, position) if length <= 3 else None
            if found is None:
                raise template_faults.no_variable(text, start, position)
            opened += length - 2
            if position - 2 > literal_start:
                pieces.append(text[literal_start : position - 2])
            pieces.append(_variable(found, text, start))
            literal_start = position = found.end()
    if literal_start < len(text):
        pieces.append(text[literal_start:])
    return Template(text, tuple(p for p in pieces if isinstance(p, Variable)), tuple(pieces))


# The two bounds keep what a stranger can put into the caches at some tens of megabytes.
_parse_short = lru_cache(maxsize=2048)(_parse)
_parse_long = lru_cache(maxsize=64)(_parse)


def _variable(found: re.Match[str], text: str, start: int) -> Variable:
    expression, namespace, steps = found.groups()
    path: list[str | int] = []
    for name, index, quoted in _STEP.findall(steps):
        if index:
            path.append(int(index))
        else:
            path.append(name or _ESCAPE.sub(r"\1", quoted[1:-1]))
    if namespace == "sample" and path and path[0] == "output":
        raise template_faults.sample_output(text, start, template_faults.spell("", path[1:]))
    return Variable(namespace, tuple(path), expression)


def _value_of(
    variable: Variable, item: Mapping[str, Any], sample: Mapping[str, Any], read: dict[str, Any]
) -> Any:
    try:
        return variable.find(item if variable.namespace == "item" else sample, read)
    except NotThere as at:
        if variable.is_output_json and not at.no_json and sample.get("output_json") is None:
            raise _not_json(variable, sample) from None
        raise variable.missing(at) from None


def _text_of(
    variable: Variable, item: Mapping[str, Any], sample: Mapping[str, Any], read: dict[str, Any]
) -> str:
    value = _value_of(variable, item, sample, read)
    if isinstance(value, str):
        return value
    if value is None:
        if variable.is_output_json and len(variable.path) == 1:
            raise _not_json(variable, sample)
        return ""
    return _encode(value)


def _read(text: str, depth: int, read: dict[str, Any]) -> Any:
    """The array or object that a string spells; each string is parsed once in a rendering."""
    if text in read:
        return read[text]
    try:
        value = jsontext.loads(text)
    except jsontext.JsonError as error:
        why = str(error)
    else:
        if isinstance(value, dict | list):
            read[text] = value
            return value
        why = "it is neither an array nor an object"
    raise NotThere(depth, text, why)


def _not_json(variable: Variable, sample: Mapping[str, Any]) -> SampleNotJson:
    """Says why where the sample's text shows it."""
    reason = "sample.output_json is null"
    text = sample.get("output_text")
    if isinstance(text, str):
        try:
            if not isinstance(jsontext.loads(text), dict | list):
                reason = "the model's answer is JSON, but no object or array"
        except jsontext.JsonError as error:
            reason = f"the model's answer is no JSON: {error}"
    return SampleNotJson(f"{template_faults.quote(variable.namespace, variable.path)}: {reason}")
