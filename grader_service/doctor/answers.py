"""Honest answers to a row: for texts that are compared they follow from the grader, for code and judges they are guessed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader_service.doctor.outputs import (
    Output,
    Shape,
    Slot,
    ToolCall,
    calls_shape,
    json_shape,
    text_shape,
)
from grader_service.doctor.source import Facts
from grader_service.doctor.subject import Comparison, Subject
from grader_service.doctor.values import prompt_of, references, slot_of, text_of
from grader_service.errors import CannotGrade

MAX_VALUES = 4
MAX_KEYS = 12
OTHER_TEXT = "Here is a plain answer to what was asked."
_WRAPPINGS = (
    ("", ""),
    ("The answer is ", "."),
    ("#### ", ""),
    ("\\boxed{", "}"),
    ("<answer>", "</answer>"),
    ("<think>First things first.</think>\n<answer>", "</answer>"),
    ("Answer: ", ""),
    ("Final answer: ", ""),
    ("```\n", "\n```"),
    ("```python\n", "\n```"),
    ("```json\n", "\n```"),
)
_PROGRAM_WRAPPINGS = (("", ""), ("```python\n", "\n```"))
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """Forms of the right answer, the likeliest first; `certain` where the grader's own texts say that it is right."""

    shapes: tuple[Shape, ...]
    certain: bool


def answers_of(
    subject: Subject, item: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> Answers:
    """`rows` are the items of the other rows.

    Raises:
        CannotGrade: the grader's texts name what this row does not have.
    """
    ranked = sorted(subject.comparisons, key=_strength)
    slots = {each.variable.path: _compared(each, item, rows) for each in ranked}
    guessed = [*_for_judges(subject, item, rows, slots)]
    if subject.opaque and not subject.judge_calls:
        guessed += _for_code(subject.facts, item, rows, slots)
    if slots:
        certain = not subject.opaque and not subject.judges
        weakest = {each.variable.path: _compared(each, item, rows) for each in ranked[::-1]}
        return Answers((assigned(slots), assigned(weakest), *guessed), certain)
    return Answers(tuple(guessed) or (text_shape(Slot(OTHER_TEXT)),), certain=False)


def _strength(comparison: Comparison) -> tuple[bool, bool]:
    """Where several comparisons read one place, the one that says most of it is answered."""
    named = any(each.namespace == "item" for each in comparison.reference.variables)
    return named, comparison.kind not in ("ne", "like", "ilike")


def _compared(
    comparison: Comparison, item: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> Slot:
    text = _bare(comparison, comparison.reference.render(item, {}))
    if comparison.kind == "ne":
        return Slot(OTHER_TEXT, (text,))
    return slot_of(text, _rendered(comparison, rows), prompt_of(item))


def _rendered(comparison: Comparison, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        try:
            yield _bare(comparison, comparison.reference.render(row, {}))
        except CannotGrade:
            continue


def _bare(comparison: Comparison, reference: str) -> str:
    """Without the text that the grader itself puts around the sample."""
    text = comparison.sample.text
    if len(comparison.sample.variables) != 1:
        return reference
    before, after = text[: text.find("{{")], text[text.rfind("}}") + 2 :]
    return reference.removeprefix(before).removesuffix(after)


def assigned(slots: Mapping[Path, Slot]) -> Shape:
    """The output in which each path of the sample namespace holds its slot."""

    def shape(fill: Any) -> Output:
        text, document = "", None
        calls: dict[int, Any] = {}
        for path, slot in slots.items():
            value = fill(slot)
            match path:
                case ("output_json",):
                    text = value
                case ("output_json", *steps):
                    document = _placed(document, steps, value)
                case ("output_tools", int(number), "function", *steps) | (
                    "choices",
                    _,
                    "message",
                    "tool_calls",
                    int(number),
                    "function",
                    *steps,
                ):
                    calls[max(number, 0)] = _placed(calls.get(max(number, 0)), steps, value)
                case _:
                    text = value
        text = text if document is None else json.dumps(document, ensure_ascii=False)
        return Output(text, tuple(_call(calls.get(number)) for number in range(_length(calls))))

    return shape


def _length(calls: Mapping[int, Any]) -> int:
    return min(max(calls, default=-1), 7) + 1


def _call(parts: Any) -> ToolCall:
    known = parts if isinstance(parts, dict) else {}
    return ToolCall(text_of(known.get("name", "")), text_of(known.get("arguments", {})))


def _placed(tree: Any, steps: Sequence[str | int], value: Any) -> Any:
    """`tree` with a value at the end of the steps; what is in the way is replaced."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        items = list(tree) if isinstance(tree, list) else []
        place = min(max(step, 0), 31)
        items += [None] * (place + 1 - len(items))
        items[place] = _placed(items[place], rest, value)
        return items
    entries = dict(tree) if isinstance(tree, dict) else {}
    entries[step] = _placed(entries.get(step), rest, value)
    return entries


def _for_judges(
    subject: Subject,
    item: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    slots: Mapping[Path, Slot],
) -> Iterator[Shape]:
    """The row's values that the judge is shown, where the judge is shown the sample."""
    if not subject.judges:
        return
    judged = [each.path for each in subject.variables if each.namespace == "sample"]
    place: Path = judged[0] if judged and len(judged[0]) > 0 else ("output_text",)
    shown = [
        str(each.path[0]) for each in subject.variables if each.namespace == "item" and each.path
    ]
    for key, value in [*references(item, shown).items()][:2]:
        slot = slot_of(value, (row.get(key) for row in rows), prompt_of(item))
        yield assigned({place: slot, **slots})


def _for_code(
    facts: Facts,
    item: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    slots: Mapping[Path, Slot],
) -> Iterator[Shape]:
    values = references(item, facts.item_keys, facts.keys)
    found = {
        key: slot_of(value, (row.get(key) for row in rows), prompt_of(item))
        for key, value in [*values.items()][:MAX_VALUES]
    }
    for value in values.values():
        calls = _tool_calls(value)
        if calls:
            yield calls_shape(calls)
    for before, after in _wrappings(facts):
        for slot in found.values():
            yield text_shape(slot, before, after)
    if facts.reads_json or not facts.strings:
        compared = {str(path[1]): slot for path, slot in slots.items() if len(path) == 2}
        yield from _objects(facts, {**found, **compared})
    if len(found) > 1:
        yield _joined(list(found.values()))


def _wrappings(facts: Facts) -> Iterator[tuple[str, str]]:
    yield from _PROGRAM_WRAPPINGS if facts.runs_code else _WRAPPINGS
    for tag in facts.tags[:4]:
        before = "".join(
            f"<{each}>First things first.</{each}>\n" for each in facts.tags[:4] if each != tag
        )
        yield f"{before}<{tag}>", f"</{tag}>"
    for pattern in facts.patterns[:6]:
        before, bracket, _ = pattern.partition("(")
        if bracket and before:
            yield unescaped(before), ""


def unescaped(pattern: str) -> str:
    """About what a simple pattern matches."""
    text = re.sub(r"\\s[*+?]*", " ", pattern.replace("(?i)", ""))
    return re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)[\^$*+?]", "", text))


def _objects(facts: Facts, found: Mapping[str, Slot]) -> Iterator[Shape]:
    if len(found) > 1:
        yield json_shape(found)
    keys = dict.fromkeys([*facts.keys[:MAX_KEYS], *found, "answer"])
    for slot in found.values():
        for key in keys:
            yield json_shape({key: slot})
        if facts.keys:
            yield json_shape(dict.fromkeys(facts.keys[:MAX_KEYS], slot))


def _joined(slots: Sequence[Slot]) -> Shape:
    return lambda fill: Output("\n".join(fill(slot) for slot in slots))


def _tool_calls(value: Any) -> tuple[ToolCall, ...]:
    """The calls that a list of `{"name", "arguments"}`, or of chat tool calls, stands for."""
    entries = value if isinstance(value, list) else [value]
    calls = []
    for entry in entries:
        function = entry.get("function", entry) if isinstance(entry, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            return ()
        calls.append(ToolCall(function["name"], text_of(function.get("arguments", {}))))
    return tuple(calls)
