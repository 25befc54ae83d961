"""JSON answers with more, less or other things in them than the grader expects."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from grader_service.doctor.attack import Attack, Hit, earns
from grader_service.doctor.baseline import Case
from grader_service.doctor.bench import Trial
from grader_service.doctor.outputs import Fill, Output, json_value, other, right, slots_of
from grader_service.doctor.subject import Subject
from grader_service.doctor.values import text_of

DEPTH = 100
"""Below what the service itself refuses to parse."""


def _document(case: Case, fill: Fill) -> Any:
    """The parsed answer with such values, or None where answers are no JSON containers."""
    text = case.shape(fill).text
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict | list) else None


def _extra_keys(case: Case) -> Iterator[Output]:
    """Wrong where the answer belongs, and every candidate under keys of its own."""
    wrong = _document(case, other(0))
    if not isinstance(wrong, dict):
        return
    values = [value for slot in slots_of(case.shape) for value in slot.candidates()]
    raws = [slot.raw for slot in slots_of(case.shape)]
    extra = {f"extra_{number}": value for number, value in enumerate([*values, *raws])}
    yield _json({**wrong, **extra})
    yield _json({**extra, **wrong})
    yield _json({**{value: value for value in values}, **wrong})


def _duplicate_keys(case: Case) -> Iterator[Output]:
    good, bad = _document(case, right), _document(case, other(0))
    if isinstance(good, dict) and isinstance(bad, dict) and good != bad:
        yield Output(_joined(good, bad))
        yield Output(_joined(bad, good))


def _either_order(case: Case, trials: Sequence[Trial]) -> Hit | None:
    if len(trials) < 2 or any(case.share(trial.reward) < 0.9 for trial in trials):
        return None
    return Hit(trials[0], "full marks whether the right value stands first or last")


def _joined(first: dict[str, Any], second: dict[str, Any]) -> str:
    return (
        json.dumps(first, ensure_ascii=False)[:-1]
        + ", "
        + json.dumps(second, ensure_ascii=False)[1:]
    )


def _all_in_a_list(case: Case) -> Iterator[Output]:
    """Each value replaced by a list, or an object, of every candidate."""
    document = _document(case, right)
    if not isinstance(document, dict):
        return
    candidates = {slot.value: slot for slot in slots_of(case.shape)}

    def widen(value: Any, make: Any) -> Any:
        slot = candidates.get(
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        )
        return (
            value if slot is None else make([json_value(slot, each) for each in slot.candidates()])
        )

    yield _json({key: widen(value, list) for key, value in document.items()})
    yield _json(
        {
            key: widen(value, lambda each: {str(one): one for one in each})
            for key, value in document.items()
        }
    )


def _more_elements(case: Case) -> Iterator[Output]:
    """Arrays of the right answer with every wrong element added."""
    document = _document(case, right)
    if document is None:
        return
    wrong = [f"surplus {number}" for number in range(20)]

    def widen(value: Any) -> Any:
        if isinstance(value, list) and value:
            return value + (
                [dict.fromkeys(value[0], "surplus")] * 5 if isinstance(value[0], dict) else wrong
            )
        return value

    wide = (
        {key: widen(value) for key, value in document.items()}
        if isinstance(document, dict)
        else widen(document)
    )
    if wide != document:
        yield _json(wide)


def _wrong_types(case: Case) -> Iterator[Output]:
    """The right keys with values of every other type."""
    document = _document(case, right)
    if not isinstance(document, dict):
        return
    right_ones = {slot.value.casefold() for slot in slots_of(case.shape)}
    values: tuple[Any, ...] = (None, True, False, 0, 1, -1, [], {}, "", [[]], 1e308, "NaN", "true")
    for value in values:
        if text_of(value).casefold() not in right_ones:
            yield _json(dict.fromkeys(document, value))


def _containers(case: Case) -> Iterator[Output]:
    for text in ("{}", "[]", "null", "42", '"text"', "[{}]", '{"": ""}'):
        yield Output(text)
    document = _document(case, right)
    nested: Any = "x"
    for _ in range(DEPTH):
        nested = [nested]
    yield _json(dict.fromkeys(document, nested) if isinstance(document, dict) else nested)


def _json(value: Any) -> Output:
    return Output(json.dumps(value, ensure_ascii=False))


def reads_json(subject: Subject) -> bool:
    return (
        subject.facts.reads_json
        or any(each.is_output_json for each in subject.variables)
        or (subject.opaque and not subject.has_source)
    )


_TYPED = "check type and keys of the answer before comparing (a response_format of the job does it for a part of them)"

ATTACKS: tuple[Attack, ...] = (
    Attack(
        "answer under another key", "json", "danger", _extra_keys, earns(),
        "the right value counts wherever it stands, so an object with every candidate in it passes",
        "read the one key that holds the answer, and refuse objects with other keys",
        applies=reads_json,
    ),
    Attack(
        "the same key twice", "json", "danger", _duplicate_keys, _either_order,
        "two answers under one key pass whichever of them is right",
        "parse the answer instead of searching in its text; refuse duplicate keys",
        applies=reads_json,
    ),
    Attack(
        "a list in place of a value", "json", "danger", _all_in_a_list, earns(),
        "`in` finds the right value in a list of all, and in a string of all",
        _TYPED,
        applies=reads_json,
    ),
    Attack(
        "surplus elements", "json", "danger", _more_elements, earns(0.9),
        "wrong elements beside the right ones cost nothing, so listing everything pays",
        "compare sets or counts, or use F1 in place of recall",
        applies=reads_json,
    ),
    Attack(
        "values of the wrong type", "json", "danger", _wrong_types, earns(),
        "null, true, 0, empty containers or huge numbers pass for the answer",
        _TYPED,
        applies=reads_json,
    ),
    Attack(
        "empty or nested containers", "json", "danger", _containers, earns(),
        "JSON without any answer in it is rewarded",
        _TYPED,
        applies=reads_json,
    ),
)  # fmt: skip
