"""`calculate_output` of a multi grader: a number from the rewards of its parts (grader-api §8.6).

    + - * /    ^ or ** (power: right to left, tighter than a minus before it: -2^2 is -4)
    ( )        min(a, …)  max(a, …)  abs  floor  ceil  exp  sqrt  log (natural)

All numbers are floats, and every step must give a finite one. simpleeval computes the tree that
`formula_syntax` has checked, with these operators and functions and none of its own.
"""

import ast
import math
import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from functools import lru_cache
from threading import Lock
from typing import Final

from simpleeval import SimpleEval

from grader_service import formula_bounds
from grader_service.errors import FormulaUndefined
from grader_service.formula_bounds import Interval
from grader_service.formula_syntax import ARITIES, FormulaError, Parser, fault

__all__ = ["FUNCTION_NAMES", "Formula", "FormulaError", "parse"]

FUNCTION_NAMES: Final = frozenset(ARITIES)

_HYPHENATED = re.compile(r"(?<!\w)[A-Za-z_]\w*+(?:-[A-Za-z_]\w*+)+")


class Formula:
    """A parsed formula; safe to share between tasks and threads. `parse` makes it."""

    def __init__(self, text: str, tree: ast.expr, places: Mapping[str, int]) -> None:
        self.text = text
        self.names: Final = frozenset(places)
        self._places = places
        self._tree = tree
        self._evaluator = SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names={})
        self._turn = Lock()  # an evaluator holds the names of one evaluation

    def check_names(self, names: Collection[str]) -> None:
        """Raise FormulaError where the formula names something else than `names`."""
        for name, place in self._places.items():
            if name not in names:
                raise fault(place, _unknown(name, place, self.text, names))

    def evaluate(self, values: Mapping[str, float]) -> float:
        """The finite value for these rewards; `values` has all of `names`.

        Raises:
            FormulaUndefined: a step divides by zero, is too large, or has no real value.
        """
        with self._turn:
            self._evaluator.names = values
            value = float(self._evaluator.eval(self.text, self._tree))
        if not math.isfinite(value):
            raise _undefined("a part's reward", "is not finite")
        return value

    def bounds(self, limits: Mapping[str, Interval]) -> Interval:
        """What lies outside of this no values within `limits` can give; it may be wider than what they give."""
        return formula_bounds.bounds(self._tree, limits)


def parse(text: str, names: Collection[str]) -> Formula:
    """Parse in linear time; the tree is cached by its text.

    Raises:
        FormulaError: a `ValueError` with the place, the 1-based character, and what is right.
    """
    formula = _parse(text)
    formula.check_names(names)
    return formula


@lru_cache(maxsize=128)
def _parse(text: str) -> Formula:
    parser = Parser(text)
    return Formula(text, parser.parse(), parser.names)


def _unknown(name: str, place: int, text: str, names: Collection[str]) -> str:
    for found in _HYPHENATED.finditer(text):
        joined = found[0].replace("-", "_")
        if found.start() <= place < found.end() and joined in names:
            return f"{found[0]!r} is a difference; the part is written {joined}"
    near = get_close_matches(name[:60], names, n=1)
    hint = f"did you mean {near[0][:60]!r}? " if near else ""
    known = ", ".join(key[:60] for key in sorted(names)[:20]) + (", …" if len(names) > 20 else "")
    return f"no part is called {name[:60]!r}; {hint}The parts are {known}"


def _undefined(operation: str, why: str) -> FormulaUndefined:
    return FormulaUndefined(f"calculate_output has no value for these rewards: {operation} {why}")


def _guarded(compute: Callable[..., float], form: str) -> Callable[..., float]:
    """`compute`, with each way to have no finite real value named; `form` shows the operation."""

    def apply(*values: float) -> float:
        try:
            value = compute(*values)
        except ZeroDivisionError:
            raise _undefined(form.format(*values), "divides by zero") from None
        except ValueError:
            raise _undefined(form.format(*values), "has no real value") from None
        except OverflowError:
            value = math.inf
        if math.isfinite(value):
            return value
        raise _undefined(form.format(*values), "is too large")

    return apply


_OPERATORS: Final[dict[type[ast.AST], Callable[..., float]]] = {
    ast.Add: _guarded(lambda a, b: a + b, "{} + {}"),
    ast.Sub: _guarded(lambda a, b: a - b, "{} - {}"),
    ast.Mult: _guarded(lambda a, b: a * b, "{} * {}"),
    ast.Div: _guarded(lambda a, b: a / b, "{} / {}"),
    ast.Pow: _guarded(math.pow, "{} to the power of {}"),
    ast.USub: lambda a: -a,
    ast.UAdd: lambda a: a,
}
_FUNCTIONS: Final[dict[str, Callable[..., float]]] = {
    "min": lambda *values: min(values),
    "max": lambda *values: max(values),
    "abs": abs,
    "floor": lambda a: float(math.floor(a)),
    "ceil": lambda a: float(math.ceil(a)),
    "exp": _guarded(math.exp, "exp({})"),
    "sqrt": _guarded(math.sqrt, "sqrt({})"),
    "log": _guarded(math.log, "log({})"),
}
