"""The `sample` namespace built from a bare model text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader_service.jsontext import dumps, loads
from grader_service.sample import sample_of


def test_has_what_the_platform_sends() -> None:
    assert sample_of("hi") == {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hi", "tool_calls": []},
                "finish_reason": "stop",
            }
        ],
        "output_text": "hi",
        "output_json": None,
        "output_tools": [],
        "output_reasoning_summary": None,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        (" \n[1, 2]\t\r\n", [1, 2]),
        ("{}", {}),
        ("[]", []),
        ("42", None),
        ('"text"', None),
        ("null", None),
        ("", None),
        ("{", None),
        ("{'a': 1}", None),
        ("{a} and {b}", None),
        ("[NaN]", None),
        ("[1e999]", None),
        ("```json\n{}\n```", None),
        ("\u00a0{}", None),
        ("[" * 129 + "]" * 129, None),
    ],
)
def test_output_json_is_filled_for_objects_and_arrays_alone(text: str, expected: Any) -> None:
    assert sample_of(text)["output_json"] == expected


@given(st.dictionaries(st.text(), st.integers() | st.text()) | st.lists(st.booleans()))
def test_every_container_is_recognised(value: Any) -> None:
    assert sample_of(dumps(value).decode())["output_json"] == value


@given(st.text())
def test_any_text_gives_a_sample(text: str) -> None:
    sample = sample_of(text)
    assert sample["output_text"] == text
    if sample["output_json"] is not None:
        assert sample["output_json"] == loads(text)
