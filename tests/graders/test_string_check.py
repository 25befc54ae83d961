"""string_check: four comparisons, each against its slow form; no trimming, order matters."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader_service.graders.string_check import OPERATIONS, StringCheck
from tests.fakes.engines import Observed, make_context, make_engines


def make(operation: str, **fields: Any) -> StringCheck:
    wire = {
        "type": "string_check",
        "operation": operation,
        "input": "{{ sample.output_text }}",
        "reference": "{{ item.answer }}",
    }
    return StringCheck.model_validate({**wire, **fields})


@pytest.mark.parametrize(
    ("operation", "text", "reference", "reward"),
    [
        ("eq", "Paris", "Paris", 1.0),
        ("eq", "Paris", "paris", 0.0),
        ("eq", "Paris ", "Paris", 0.0),
        ("eq", "", "", 1.0),
        ("ne", "Paris", "Rome", 1.0),
        ("ne", "Paris", "Paris", 0.0),
        ("like", "It is Paris.", "Paris", 1.0),
        ("like", "It is Paris.", "paris", 0.0),
        ("like", "Paris", "It is Paris.", 0.0),
        ("like", "Paris", "P%s", 0.0),
        ("like", "Paris", "", 1.0),
        ("ilike", "It is PARIS.", "paris", 1.0),
        ("ilike", "paris", "it is paris", 0.0),
        ("ilike", "Straße", "STRASSE", 1.0),
        ("ilike", "STRASSE", "straße", 1.0),
        ("ilike", "ΣΊΣΥΦΟΣ", "σίσυφος", 1.0),
        ("ilike", "ﬁnal", "FINAL", 1.0),
        ("ilike", "résumé", "RESUME", 0.0),
    ],
)
async def test_compares(operation: str, text: str, reference: str, reward: float) -> None:
    result = await make(operation).grade(make_context({"answer": reference}, text))
    assert (result.reward, result.state) == (reward, "value")


TEXTS = st.text("aAbßſKK σςΣİ", max_size=6)


@given(TEXTS, TEXTS)
@example("Straße", "SSE")
def test_each_operation_agrees_with_its_slow_form(text: str, reference: str) -> None:
    def contains(whole: str, part: str) -> bool:
        return any(whole[n : n + len(part)] == part for n in range(len(whole) + 1))

    def folded(word: str) -> str:
        return "".join(character.casefold() for character in word)

    assert OPERATIONS["eq"](text, reference) == (list(text) == list(reference))
    assert OPERATIONS["ne"](text, reference) == (list(text) != list(reference))
    assert OPERATIONS["like"](text, reference) == contains(text, reference)
    assert OPERATIONS["ilike"](text, reference) == contains(folded(text), folded(reference))


async def test_a_missing_variable_is_invalid_and_named() -> None:
    observed = Observed()
    grader = make("eq", name="n", invalid_grade=-1.0)
    context = make_context({"other": 1}, "x", engines=make_engines(observe=observed))
    result = await grader.grade(context)
    assert (result.reward, result.state, result.retryable) == (-1.0, "invalid", False)
    assert [(cause.flag, cause.kind) for cause in result.causes] == [
        ("invalid_variable_error", "variable_missing")
    ]
    assert "item.answer" in result.causes[0].details
    assert [(event.grader_type, event.state) for event in observed.events] == [
        ("string_check", "invalid")
    ]


async def test_output_json_of_prose_is_a_sample_parse_error() -> None:
    grader = make("eq", input="{{sample.output_json.a}}", reference="x")
    result = await grader.grade(make_context({}, "prose"))
    assert [cause.flag for cause in result.causes] == ["sample_parse_error"]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"operation": "neq"}, ("operation",)),
        ({"input": "{{ x }}"}, ("input",)),
        ({"reference": "{{item.a"}, ("reference",)),
        ({"reference": 3}, ("reference",)),
        ({"invalid_grade": float("nan")}, ("invalid_grade",)),
    ],
)
def test_validation_names_the_field(fields: dict[str, Any], place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as raised:
        make(**{"operation": "eq", **fields})
    assert [error["loc"] for error in raised.value.errors()] == [place]
