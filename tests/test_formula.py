"""Formulas against a slow evaluator, the grammar's refusals, and hostile texts."""

import math
import re
import threading
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader_service.errors import FormulaUndefined
from grader_service.formula import FUNCTION_NAMES, FormulaError, parse

NAMES = ("a", "b", "similarity_score", "class", "if", "_x1")
VALUES = {"a": 0.5, "b": 0.0, "similarity_score": 1.0, "class": 2.0, "if": -3.0, "_x1": 4.25}


class NoValueError(Exception):
    """The slow evaluator's word for undefined."""


def slow_evaluate(text: str, values: Mapping[str, float]) -> float:
    """Splits at the operator that binds weakest, again and again."""
    return _slow(re.findall(r"[\w.]+(?<=\d)[eE][+-]\d+|\*\*|[\w.]+|[^\s\w]", text), values)


def _slow(tokens: list[str], values: Mapping[str, float]) -> float:
    for operators in (("+", "-"), ("*", "/")):
        places = [
            p
            for p in _outside(tokens, operators)
            if p > 0 and tokens[p - 1] not in (*"+-*/^(,", "**")
        ]
        if places:
            place = places[-1]
            return _step(
                tokens[place], _slow(tokens[:place], values), _slow(tokens[place + 1 :], values)
            )
    if tokens[0] in ("+", "-"):
        value = _slow(tokens[1:], values)
        return -value if tokens[0] == "-" else value
    powers = _outside(tokens, ("^", "**"))
    if powers:
        return _step(
            "^", _slow(tokens[: powers[0]], values), _slow(tokens[powers[0] + 1 :], values)
        )
    if tokens[0] == "(":
        return _slow(tokens[1:-1], values)
    if len(tokens) > 1:
        cuts = [1, *(p + 2 for p in _outside(tokens[2:-1], (",",))), len(tokens) - 1]
        arguments = [_slow(tokens[a + 1 : b], values) for a, b in pairwise(cuts)]
        return _step(tokens[0], *arguments)
    return values[tokens[0]] if tokens[0] in values else float(tokens[0])


def _outside(tokens: list[str], wanted: tuple[str, ...]) -> list[int]:
    """The places of wanted tokens that stand in no parentheses."""
    return [
        place
        for place, token in enumerate(tokens)
        if token in wanted and tokens[:place].count("(") == tokens[:place].count(")")
    ]


def _step(name: str, *values: float) -> float:
    table = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "^": lambda a, b: a**b,
        "abs": lambda a: a if a > 0 else -a,
        "floor": lambda a: a // 1.0,
        "ceil": lambda a: -(-a // 1.0),
        "exp": math.exp,
        "sqrt": math.sqrt,
        "log": math.log,
        "min": lambda *all_values: min(all_values),
        "max": lambda *all_values: max(all_values),
    }
    try:
        value = table[name](*values)
    except (ArithmeticError, ValueError):
        raise NoValueError from None
    if isinstance(value, complex) or not math.isfinite(value):
        raise NoValueError
    return value


def _operations(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    blanks = st.sampled_from(["", " ", "\n", "\t "])
    return st.one_of(
        st.tuples(inner, blanks, st.sampled_from([*"+-*/^", "**"]), blanks, inner).map("".join),
        inner.map("({})".format),
        st.tuples(st.sampled_from(["-", "+"]), inner).map("".join),
        st.tuples(st.sampled_from(["abs", "floor", "ceil", "exp", "sqrt", "log"]), inner).map(
            lambda p: f"{p[0]}({p[1]})"
        ),
        st.tuples(st.sampled_from(["min", "max"]), st.lists(inner, min_size=1, max_size=3)).map(
            lambda p: f"{p[0]} ({', '.join(p[1])})"
        ),
    )


NUMBERS = st.sampled_from(["0", "1", "2", "3.5", ".25", "7.", "1e-3", "1E3", "1e+300", "007"])
FORMULAS = st.recursive(NUMBERS | st.sampled_from(NAMES), _operations, max_leaves=12)


@given(FORMULAS)
@example("-2^2")
@example("2^-3^2")
@example("2^-1*3")
@example("a - b - class / if / 2 ^ 2 ^ 3")
@example("min(1, max(2, 3), -4) ** 2")
def test_agrees_with_a_slow_evaluator(text: str) -> None:
    formula = parse(text, NAMES)
    try:
        expected = slow_evaluate(text, VALUES)
    except NoValueError:
        with pytest.raises(FormulaUndefined):
            formula.evaluate(VALUES)
    else:
        assert formula.evaluate(VALUES) == expected


@given(
    st.lists(st.sampled_from([*"+-*/^(), .ab1", "**", "min", "sqrt", "1.5", "if", "\n"])).map(
        "".join
    )
)
def test_any_text_is_either_computed_or_refused_with_its_place(text: str) -> None:
    said = ""
    try:
        assert math.isfinite(parse(text, NAMES).evaluate(VALUES))
    except FormulaError as error:
        said = str(error)
    except FormulaUndefined as error:
        said = error.details
    assert re.match(r"character \d+: |calculate_output has no value for these rewards: |$", said)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2*3^2", 18.0),
        ("2^3^2", 512.0),
        ("-2^2", -4.0),
        ("2^-1", 0.5),
        ("2**3", 8.0),
        ("(-2)^2", 4.0),
        ("--3", 3.0),
        ("7/2", 3.5),
        ("0^0", 1.0),
        ("(a + similarity_score) / 2", 0.75),
        ("0.85 * a + 0.15 * similarity_score", 0.575),
        ("min(class)", 2.0),
        ("max(a, b, class, if)", 2.0),
        ("floor(-0.5) + ceil(0.5)", 0.0),
        ("log(exp(2))", 2.0),
        ("  1\n+\r\n1 ", 2.0),
        ("1\u00a0+ 1", 2.0),
        ("3", 3.0),
        ("3" + " " * 9_999, 3.0),
    ],
)
def test_known_values(text: str, expected: float) -> None:
    assert parse(text, NAMES).evaluate(VALUES) == pytest.approx(expected, abs=0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a / b", "0.5 / 0.0 divides by zero"),
        ("b ^ -1", "0.0 to the power of -1.0 has no real value"),
        ("log(b)", "log(0.0) has no real value"),
        ("sqrt(if)", "sqrt(-3.0) has no real value"),
        ("(-8) ^ (1/3)", "-8.0 to the power of 0.3333333333333333 has no real value"),
        ("exp(1000)", "exp(1000.0) is too large"),
        ("1e308 * 10", "1e+308 * 10.0 is too large"),
        ("1 / (1e308 + 1e308)", "1e+308 + 1e+308 is too large"),
        ("9**9**9", "9.0 to the power of 387420489.0 is too large"),
        ("(9**3999999)*(9**3999999)", "9.0 to the power of 3999999.0 is too large"),
    ],
)
def test_an_undefined_value_names_the_operation(text: str, sentence: str) -> None:
    with pytest.raises(FormulaUndefined) as raised:
        parse(text, NAMES).evaluate(VALUES)
    assert raised.value.details == f"calculate_output has no value for these rewards: {sentence}"


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("", 1, "the end where a number"),
        ("a +", 4, "the end where a number"),
        ("* a", 1, "'*' where a number"),
        ("()", 2, "')' where a number"),
        ("a b", 3, "an operator is missing before 'b'"),
        ("(a b)", 4, "where an operator or ')'"),
        ("2(3)", 2, "an operator is missing"),
        ("min(a)(b)", 7, "an operator is missing"),
        ("(a", 1, "not closed"),
        ("a)", 2, "closes nothing"),
        ("(a, b)", 3, "','"),
        ("a, b", 2, "comma"),
        ("min()", 5, "where a number"),
        ("min(a,)", 7, "where a number"),
        ("min(*a)", 5, "'*'"),
        ("min(**a)", 5, "'**'"),
        ("min(a=1)", 6, "'='"),
        ("abs(a, b)", 1, "takes one argument, not 2"),
        ("a(b)", 1, "'a' is no function"),
        ("rand()", 1, "'rand' is no function"),
        ("min", 1, "is a function"),
        ("a // b", 4, "floor(a / b)"),
        ("a % b", 3, "remainder"),
        ("a < b", 3, "comparisons"),
        ("a if b else a", 3, "no conditions"),
        ("a or b", 3, "no conditions"),
        ("lambda: 1", 7, "':'"),
        ("a.b", 2, "named alone"),
        ("a[0]", 2, "named alone"),
        ("{{a}}", 1, "without braces"),
        ('"a"', 1, "no strings"),
        ('f"{a}"', 2, "no strings"),
        ("(a := 1)", 4, "':'"),
        ("[a for a in b]", 1, "'['"),
        ("a & b", 3, "'&'"),
        ("~a", 1, "'~'"),
        ("a @ b", 3, "'@'"),
        ("a; b", 2, "';'"),
        ("a # b", 3, "'#'"),
        ("a \\\n+ b", 3, "'\\\\'"),
        ("a\x00", 2, "'\\x00'"),
        ("ａ", 1, "ASCII"),
        ("𝒶", 1, "ASCII"),
        ("１", 1, "ASCII"),
        ("a × b", 3, "write *"),
        ("a ÷ b", 3, "write /"),
        ("a − b", 3, "write -"),
        ("2a", 1, "'2a' is no decimal number"),
        ("1_000", 1, "no decimal number"),
        ("0x1F", 1, "no decimal number"),
        ("1j", 1, "no decimal number"),
        ("1.2.3", 1, "no decimal number"),
        ("1e", 1, "no decimal number"),
        ("1e999", 1, "too large"),
        ("a + simlarity_score", 5, "did you mean 'similarity_score'"),
        ("a + nothing", 5, "The parts are _x1, a, b, class, if, similarity_score"),
        ("a + similarity-score", 5, "the part is written similarity_score"),
        ("__import__", 1, "no part is called"),
    ],
)
def test_everything_else_is_refused_with_its_place(text: str, place: int, hint: str) -> None:
    with pytest.raises(FormulaError) as raised:
        parse(text, NAMES)
    assert str(raised.value).startswith(f"character {place}: ")
    assert hint in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "1" + ")" * 5_000,
        "(" * 60 + "1" + ")" * 60,
        "+".join(["1"] * 100_000),
        "+".join(["1"] * 900),
        "-" * 1_900 + "1",
        "-" * 9_000 + "1",
        "^".join(["1"] * 900),
        "min(" * 500 + "1" + ")" * 500,
        "a" * 1_000_000,
        "1" * 1_000_000,
        " " * 1_000_000,
        "a(" * 4_000,
    ],
)
def test_hostile_texts_are_refused_before_anything_recurses(text: str) -> None:
    with pytest.raises(FormulaError) as raised:
        parse(text, NAMES)
    assert len(str(raised.value)) < 300


def test_the_longest_chain_and_the_deepest_nesting_that_are_possible() -> None:
    assert parse("+".join(["1"] * 200), ()).evaluate({}) == 200.0
    with pytest.raises(FormulaError, match="more than 200 operations"):
        parse("+".join(["1"] * 201), ())
    assert parse("(" * 49 + "1" + ")" * 49, ()).evaluate({}) == 1.0
    with pytest.raises(FormulaError, match="nested deeper than 50"):
        parse("(" * 50 + "1" + ")" * 50, ())


def test_names_are_those_that_the_formula_uses() -> None:
    assert parse("min(a, class) * 0 + 1", NAMES).names == {"a", "class"}
    assert parse("1", NAMES).names == frozenset()
    assert {"min", "max", "abs", "floor", "ceil", "exp", "sqrt", "log"} == FUNCTION_NAMES


def test_the_same_text_with_other_parts_is_checked_again() -> None:
    assert parse("a + b", ["a", "b"]).evaluate({"a": 1, "b": 2}) == 3.0
    with pytest.raises(FormulaError, match="character 5: no part is called 'b'"):
        parse("a + b", ["a", "c"])


def test_one_formula_in_many_threads_keeps_their_values_apart() -> None:
    formula = parse(" + ".join(["a"] * 50), ["a"])
    wrong: list[float] = []

    def work(value: float) -> None:
        wrong.extend(
            result for _ in range(300) if (result := formula.evaluate({"a": value})) != 50 * value
        )

    threads = [threading.Thread(target=work, args=(float(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
