"""Strict JSON: what is refused, what stays exact, and agreement with the standard library."""

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader_service.jsontext import MAX_DEPTH, JsonError, dumps, loads

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
SYMBOLS = st.lists(
    st.sampled_from(
        [
            *'{}[],:"\\ \n\t\x00éu/09-+.eE',
            *[
                "true",
                "null",
                "NaN",
                "Infinity",
                "-Infinity",
                '"a":',
                '"a"',
                "\\ud800",
                "\\ude00",
                "1e400",
                "-2E+308",
                "1.5",
                "12345678901234567890",
            ],
        ]
    )
).map("".join)


def slow_loads(text: str) -> Any:
    """The standard library with every leniency taken out, one by one."""

    def finite(number: str) -> float:
        value = float(number)
        if math.isinf(value):
            raise ValueError("infinite")
        return value

    def no_constant(name: str) -> None:
        raise ValueError(name)

    value = json.loads(text, parse_constant=no_constant, parse_float=finite)
    json.dumps(value, ensure_ascii=False).encode()  # refuses lone surrogates
    return value


def assert_agrees_with_slow(text: str) -> None:
    try:
        expected = slow_loads(text)
    except (ValueError, RecursionError):
        with pytest.raises(JsonError):
            loads(text)
    else:
        assert repr(loads(text)) == repr(expected)
        assert repr(loads(text.encode())) == repr(expected)


@given(VALUES)
def test_values_come_back_exactly(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False), dumps(value)):
        assert repr(loads(text)) == repr(value)


@given(SYMBOLS)
@example('{"a":1,"a":2}')
@example('"\\ud83d\\ude00"')
@example('["\\\\", 1e400]')
@example('{"1e400": "2e999"}')
@example("[1e400x]")
@example("2E+999")
@example("1" * 309 + ".5")
@example("1e308")
@example("-0")
def test_takes_and_refuses_what_the_strict_standard_library_does(text: str) -> None:
    assert_agrees_with_slow(text)


@given(
    st.integers(0, 10**320),
    st.none() | st.text("0123456789", min_size=1, max_size=250),
    st.none() | st.tuples(st.sampled_from(["e", "E+", "e0", "e-"]), st.integers(0, 400)),
)
@example(10**249, None, ("e", 99))
@example(10**299, "5", None)
def test_numbers_of_every_size_agree_with_the_strict_standard_library(
    whole: int, fraction: str | None, exponent: tuple[str, int] | None
) -> None:
    text = str(whole) + (f".{fraction}" if fraction else "")
    text += f"{exponent[0]}{exponent[1]}" if exponent else ""
    assert_agrees_with_slow(text)
    assert_agrees_with_slow(f'["9e999", {text}]')  # the string alone is reason to look closely


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["{!r}", "{:.25e}", "{:.17g}", "{:e}"]),
)
def test_floats_are_the_nearest_double_however_they_are_written(number: float, form: str) -> None:
    text = form.format(number)
    if math.isinf(float(text)):  # rounding up at the very end of the range
        return
    value = loads(text)
    assert repr(float(value)) == repr(float(text)) or value == int(text)


@given(st.text(), st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF, codec=None), st.text())
def test_lone_surrogates_in_a_string_are_refused(before: str, surrogate: str, after: str) -> None:
    escaped = json.dumps(before)[1:-1] + f"\\u{ord(surrogate):04x}" + json.dumps(after)[1:-1]
    with pytest.raises(JsonError):
        loads(f'"{escaped}"')
    with pytest.raises(JsonError, match=f"lone surrogate at character {len(before) + 1}"):
        loads(before + surrogate + after)


@pytest.mark.parametrize(
    "data", [b'"\xff"', b'"\xed\xa0\x80"', b"\xff", b"\xef\xbb\xbf1", b'{"\xc3": 1}']
)
def test_bytes_that_are_no_utf8_or_have_a_mark_are_refused(data: bytes) -> None:
    with pytest.raises(JsonError):
        loads(data)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[1,]", "line 1 column 4"),
        ('{"a":\n nope}', "line 2 column 3"),
        ('["1e400", -1e400]', "1e400 beyond the range of a double at byte 12"),
        ('{"a\\"1e400": [1.5, 2E+999]}', "2E+999 beyond the range of a double at byte 20"),
        ("9" * 400 + ".0", "99999999999999999999… beyond"),
        ('"\ud800"', "lone surrogate at character 2"),
    ],
)
def test_a_refusal_says_where(text: str, place: str) -> None:
    with pytest.raises(JsonError) as raised:
        loads(text)
    assert place in str(raised.value)


def test_large_integers_are_exact_up_to_the_interpreters_own_limit() -> None:
    assert loads("9" * 4300) == int("9" * 4300)
    with pytest.raises(JsonError):
        loads("9" * 4301)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"[":', "}]")])
def test_nesting_is_counted_exactly(opening: str, closing: str) -> None:
    levels = 2 if opening == '[{"[":' else 1
    times = MAX_DEPTH // levels
    assert loads(opening * times + "0" + closing * times)
    with pytest.raises(JsonError, match=f"deeper than {MAX_DEPTH} levels"):
        loads("[" + opening * times + "0" + closing * times + "]")


def test_quotes_and_backslashes_in_strings_hide_no_nesting() -> None:
    deep = "[" * 127 + "]" * 127
    for string in (r'"\\"', r'"\""', r'"\\\""', r'"\\\\"', r'"\u005c"'):
        assert loads(f"[{string}, {deep}]")
        with pytest.raises(JsonError, match="deeper than"):
            loads(f"[{string}, [[{deep}]]]")


@pytest.mark.parametrize("levels", [129, 200, 201, 5_000, 500_000])
def test_hostile_nesting_is_refused_without_recursion(levels: int) -> None:
    for text in ("[" * levels, "[" * levels + "]" * levels, '{"":' * levels):
        with pytest.raises(JsonError, match="deeper than"):
            loads(text)


def test_many_brackets_that_are_not_deep_are_fine() -> None:
    flat = [[{}] * 50] * 50
    assert loads(json.dumps(flat)) == flat
    assert loads('["' + "[" * 500 + '"]') == ["[" * 500]
    assert loads('["\\"' + "[{" * 500 + '", "\\\\", []]') == ['"' + "[{" * 500, "\\", []]


def test_a_smaller_depth_can_be_asked_for() -> None:
    assert loads("[[]]", max_depth=2) == [[]]
    with pytest.raises(JsonError):
        loads("[[]]", max_depth=1)


def test_writing_copes_with_large_integers_and_never_writes_nan() -> None:
    value = {"n": 10**30, "é": "答案", "list": [1.5, True, None]}
    assert (
        dumps(value).decode()
        == '{"n":1000000000000000000000000000000,"é":"答案","list":[1.5,true,null]}'
    )
    assert dumps([math.nan, math.inf]) == b"[null,null]"
    assert dumps([math.nan, 10**30]) == b"[null,1000000000000000000000000000000]"


@pytest.mark.parametrize("value", [object(), "\ud800"])
def test_what_cannot_be_written_raises(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        dumps(value)
