"""The strict readers, for what no upstream would easily send."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader_service.errors import JudgeAnswerInvalid
from grader_service.judge.forms import Label, Number

NUMBER = Number(0, 1)
LABEL = Label(["yes", "no", "very good"])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("-0.5", -0.5),
        ("+.25", 0.25),
        ("Score: 7", 7),
        ("score:7", 7),
        ("SCORE = 0.5", 0.5),
        ("Final score: 1", 1),
        ("Result: 0", 0),
        ("Rating: 3.0", 3),
        ("Grade: 4", 4),
        ("**0.5**", 0.5),
        ("**Score: 0.5**", 0.5),
        ("**Score:** 0.5", 0.5),
        ("Score: **0.5**", 0.5),
        ("I thought about 3 things.\n\n  0.25  \n\n", 0.25),
        ("Score: 1\r\nScore: 0", 0),
    ],
)
def test_a_number_line(text: str, number: float) -> None:
    assert NUMBER.read_last_line(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n ",
        "7/10",
        "7.",
        "1,000",
        "80%",
        "1e3",
        "nan",
        "inf",
        "0x10",
        "٣",
        "Score: high",
        "Score 7",
        "The score is 7",
        "Score: 7 out of 10",
        "7 8",
        "0.5\nThat is my score.",
        "***7***",
        "**7",
        "Score: 1\nScore: 0 or 1",
        "--1",
        "9" * 400,
    ],
)
def test_anything_else_on_the_last_line_is_no_number(text: str) -> None:
    with pytest.raises(JudgeAnswerInvalid):
        NUMBER.read_last_line(text)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_every_plain_number_is_read_as_it_is_written(value: float) -> None:
    written = f"{value:.6f}"
    assert NUMBER.read_last_line(f"because\nScore: {written}") == float(written)


@given(st.text())
def test_no_text_is_more_than_refused(text: str) -> None:
    for read in (NUMBER.read_last_line, NUMBER.read_json, LABEL.read_last_line, LABEL.read_json):
        with contextlib.suppress(JudgeAnswerInvalid):
            result = read(text)
            assert isinstance(result, float) or result in LABEL.labels


def test_a_long_answer_is_not_told_whole() -> None:
    with pytest.raises(JudgeAnswerInvalid) as caught:
        NUMBER.read_json("x" * 100_000)
    assert len(caught.value.details) < 500


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("yes", "yes"),
        ("reasons\n**no**", "no"),
        ("Label: very good", "very good"),
        ("Answer: **yes**", "yes"),
    ],
)
def test_a_label_line(text: str, label: str) -> None:
    assert LABEL.read_last_line(text) == label


@pytest.mark.parametrize("text", ["", "Yes", "yes.", "yes and no", "no\nthank you", "I say: yes"])
def test_anything_else_on_the_last_line_is_no_label(text: str) -> None:
    with pytest.raises(JudgeAnswerInvalid):
        LABEL.read_last_line(text)
