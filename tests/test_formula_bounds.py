"""The bounds of a formula hold whatever it computes within them, and are exact where they can be."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader_service import formula
from grader_service.errors import FormulaUndefined
from grader_service.formula_syntax import ARITIES

UNIT = {"a": (0.0, 1.0), "b": (0.0, 1.0)}


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("0.5 * a + 0.5 * b", (0.0, 1.0)),
        ("a - b", (-1.0, 1.0)),
        ("-a", (-1.0, 0.0)),
        ("+a * 0.7 + b * 0.2 + 0.1", (0.1, 0.7 + 0.2 + 0.1)),
        ("a / 2", (0.0, 0.5)),
        ("a / b", (-math.inf, math.inf)),
        ("(a - 0.5) ^ 2", (0.0, 0.25)),
        ("(a - 0.5) ^ 3", (-0.125, 0.125)),
        ("(a - 1) ^ 0.5", (0.0, 0.0)),
        ("(a + 1) ^ (b - 0.5)", (0.5**0.5, 2**0.5)),
        ("a ^ b", (-math.inf, math.inf)),
        ("10 ^ 308 ^ (a + 1)", (10.0**308, math.inf)),
        ("min(a, b, 0.25)", (0.0, 0.25)),
        ("max(a, 0.25)", (0.25, 1.0)),
        ("abs(a - 0.25)", (0.0, 0.75)),
        ("floor(3 * a) + ceil(b)", (0.0, 4.0)),
        ("sqrt(a) + exp(b)", (1.0, 1 + math.e)),
        ("log(a)", (-math.inf, 0.0)),
        ("exp(1000 * a)", (1.0, math.inf)),
    ],
)
def test_bounds(text: str, bounds: tuple[float, float]) -> None:
    assert formula.parse(text, UNIT).bounds(UNIT) == pytest.approx(bounds)


def test_what_is_not_known_stays_unknown() -> None:
    unknown = {"a": (-math.inf, math.inf), "b": (-math.inf, math.inf)}
    assert formula.parse("min(floor(a), 1) - b", unknown).bounds(unknown) == (-math.inf, math.inf)
    assert formula.parse("min(floor(a), 1) + 0 * b", unknown).bounds(unknown) == (-math.inf, 1.0)


NUMBERS = st.sampled_from(["0", "1", "0.5", "2", "3", "1e-3", "a", "b"])


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from("+-*/^")
    return st.one_of(
        st.builds(lambda left, sign, right: f"({left} {sign} {right})", inner, operators, inner),
        st.builds(lambda name, each: f"{name}({each})", st.sampled_from(sorted(ARITIES)), inner),
        st.builds("min({}, {})".format, inner, inner),
        st.builds("(-{})".format, inner),
    )


ENDS = st.tuples(st.floats(-3, 3), st.floats(-3, 3)).map(lambda ends: (min(ends), max(ends)))


@given(
    st.recursive(NUMBERS, compound, max_leaves=6),
    st.tuples(ENDS, ENDS),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8),
)
def test_no_value_is_outside(text: str, ends: tuple, places: list[tuple[float, float]]) -> None:
    limits = {"a": ends[0], "b": ends[1]}
    parsed = formula.parse(text, limits)
    low, high = parsed.bounds(limits)
    for place in (*places, (0.0, 0.0), (1.0, 1.0)):
        values = {
            name: min(
                max(limits[name][0] + at * (limits[name][1] - limits[name][0]), limits[name][0]),
                limits[name][1],
            )
            for name, at in zip(limits, place, strict=True)
        }
        try:
            value = parsed.evaluate(values)
        except FormulaUndefined:
            continue
        slack = 1e-9 * max(abs(value), 1.0)  # the last digit of pow and exp is the C library's
        assert low - slack <= value <= high + slack
