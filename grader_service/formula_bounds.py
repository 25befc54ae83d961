"""Between which numbers a formula's value must lie, by interval arithmetic: never too narrow, sometimes too wide.

Ends may be infinite. Where a step has no value for some of the numbers (division by zero, a
logarithm of nothing), the bounds are those of the others.
"""

import ast
import math
from collections.abc import Callable, Mapping
from itertools import product
from types import MappingProxyType
from typing import Final

Interval = tuple[float, float]

EVERYTHING: Final[Interval] = (-math.inf, math.inf)


def bounds(tree: ast.expr, limits: Mapping[str, Interval]) -> Interval:
    """The bounds of a tree of `formula_syntax`; `limits` has those of every name in it."""
    match tree:
        case ast.Constant(value=number):
            assert isinstance(number, int | float)
            return (float(number), float(number))
        case ast.Name(id=name):
            return limits[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            low, high = bounds(inner, limits)
            return (-high, -low)
        case ast.UnaryOp(operand=inner):
            return bounds(inner, limits)
        case ast.BinOp(left=left, op=operator, right=right):
            return _OPERATORS[type(operator)](bounds(left, limits), bounds(right, limits))
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return _FUNCTIONS[function](*(bounds(each, limits) for each in arguments))
        case _:
            return EVERYTHING


def _corners(compute: Callable[[float, float], float], a: Interval, b: Interval) -> Interval:
    """Of a function that rises or falls in each argument throughout."""
    values = [compute(x, y) for x, y in product(a, b)]
    return EVERYTHING if any(map(math.isnan, values)) else (min(values), max(values))


def _times(x: float, y: float) -> float:
    return 0.0 if 0 in (x, y) else x * y  # an end of 0 is reached, an infinite one is not


def _added(a: Interval, b: Interval) -> Interval:
    low, high = a[0] + b[0], a[1] + b[1]
    return EVERYTHING if math.isnan(low) or math.isnan(high) else (low, high)


def _multiplied(a: Interval, b: Interval) -> Interval:
    return _corners(_times, a, b)


def _divided(a: Interval, b: Interval) -> Interval:
    if b[0] <= 0 <= b[1]:
        return EVERYTHING
    return _multiplied(a, (1 / b[1], 1 / b[0]))


def _raised(a: Interval, b: Interval) -> Interval:
    if a[0] > 0:
        return _corners(_power, a, b)
    exponent = b[0]
    if b[0] != b[1] or exponent < 0:
        return EVERYTHING
    if exponent.is_integer() and exponent % 2:
        return _corners(_power, a, b)
    sizes = _size(a)
    return _corners(_power, sizes if exponent.is_integer() else (max(a[0], 0.0), max(a[1], 0.0)), b)


def _power(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except OverflowError:
        return math.inf if x > 0 else -math.inf


def _size(a: Interval) -> Interval:
    low, high = sorted(map(abs, a))
    return (0.0, high) if a[0] <= 0 <= a[1] else (low, high)


def _rising(compute: Callable[[float], float], first: float = -math.inf) -> Callable[..., Interval]:
    """Bounds of a function that never falls; what lies below `first`, where it begins, has no value."""

    def apply(a: Interval) -> Interval:
        return (_end(compute, max(a[0], first)), _end(compute, max(a[1], first)))

    return apply


def _end(compute: Callable[[float], float], at: float) -> float:
    try:
        return float(compute(at))
    except OverflowError:  # exp of a large number; floor and ceil of an infinite one
        return math.inf if at > 0 else -math.inf


def _log(at: float) -> float:
    return math.log(at) if at > 0 else -math.inf


_OPERATORS: Final[Mapping[type[ast.operator], Callable[[Interval, Interval], Interval]]] = (
    MappingProxyType(
        {
            ast.Add: _added,
            ast.Sub: lambda a, b: _added(a, (-b[1], -b[0])),
            ast.Mult: _multiplied,
            ast.Div: _divided,
            ast.Pow: _raised,
        }
    )
)
_FUNCTIONS: Final[Mapping[str, Callable[..., Interval]]] = MappingProxyType(
    {
        "min": lambda *all_: (min(a[0] for a in all_), min(a[1] for a in all_)),
        "max": lambda *all_: (max(a[0] for a in all_), max(a[1] for a in all_)),
        "abs": _size,
        "floor": _rising(math.floor),
        "ceil": _rising(math.ceil),
        "exp": _rising(math.exp),
        "sqrt": _rising(math.sqrt, 0.0),
        "log": _rising(_log, 0.0),
    }
)
