"""The grammar of `calculate_output`: text to Python's own syntax tree, by precedence climbing.

Python's parser is not asked: it has other rules for `^`, refuses parts called `class` or `if`,
normalises look-alike letters, and recurses on hostile nesting. Here every bound is checked before
anything grows, and every refusal names its character.
"""

import ast
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_CHARACTERS: Final = 10_000
MAX_SYMBOLS: Final = 2_000
MAX_NESTING: Final = 50
"""Parentheses, calls, signs and powers inside each other; each costs two Python frames here."""
MAX_DEPTH: Final = 200
"""Levels of the tree, of which a sum of 200 terms has as many; each costs two frames in simpleeval."""

ARITIES: Final = {
    "abs": 1,
    "floor": 1,
    "ceil": 1,
    "exp": 1,
    "sqrt": 1,
    "log": 1,
    "min": None,
    "max": None,
}
"""The functions, and how many arguments each takes; None is one or more."""

_SIGN_STRENGTH = 3
_STRENGTHS: Final[dict[str, tuple[int, type[ast.operator]]]] = {
    "+": (1, ast.Add),
    "-": (1, ast.Sub),
    "*": (2, ast.Mult),
    "/": (2, ast.Div),
    "^": (4, ast.Pow),
    "**": (4, ast.Pow),
}

_SYMBOL = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?P<tail>[\w.]*)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>\*\*|[-+*/^(),])|(?P<other>\S))"
)
_LOOKALIKES: Final = {
    "×": "*",
    "·": "*",
    "∙": "*",
    "⋅": "*",
    "÷": "/",
    "∕": "/",
    "−": "-",
    "–": "-",
    "—": "-",
}
_HINTS: Final = {
    "%": "there is no remainder",
    "{": "parts are named without braces",
    "}": "parts are named without braces",
    "[": "parts are named alone",
    ".": "parts are named alone, and decimals need a digit",
    '"': "there are no strings",
    "'": "there are no strings",
    **dict.fromkeys("<>=!&|~", "there are no comparisons or conditions"),
}
_CONDITION_WORDS: Final = frozenset({"if", "else", "and", "or", "not", "in", "is"})


class FormulaError(ValueError):
    """A formula that cannot be parsed; its text names the place and what is right."""


class Symbol(NamedTuple):
    """`kind` is "number", "name", "sign" or "end"; `place` the index of its first character."""

    kind: str
    text: str
    place: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text[:40])


class Tree(NamedTuple):
    node: ast.expr
    depth: int


def fault(place: int, what: str) -> FormulaError:
    return FormulaError(f"character {place + 1}: {what}")


class Parser:
    """One pass over one text; `names` collects each part's first place."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARACTERS:
            raise FormulaError(
                f"a formula of {len(text):,} characters; {MAX_CHARACTERS:,} are possible"
            )
        self.names: dict[str, int] = {}
        self._symbols = list(_scan(text))
        self._next = 0
        self._nesting = 0

    def parse(self) -> ast.expr:
        """Raises FormulaError."""
        tree = self._expression(0)
        symbol = self._symbols[self._next]
        if symbol.kind == "end":
            return tree.node
        if symbol.text == ")":
            raise fault(symbol.place, "')' closes nothing; remove it or open a '(' before")
        if symbol.text == ",":
            raise fault(symbol.place, "a comma stands only between the arguments of min or max")
        hint = "; there are no conditions" if symbol.text in _CONDITION_WORDS else ""
        raise fault(symbol.place, f"an operator is missing before {symbol}; use + - * / ^{hint}")

    def _take(self) -> Symbol:
        symbol = self._symbols[self._next]
        if symbol.kind != "end":
            self._next += 1
        return symbol

    def _expression(self, weakest: int) -> Tree:
        """Operators as strong as `weakest` or stronger."""
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            place = self._symbols[self._next].place
            raise fault(place, f"nested deeper than {MAX_NESTING} levels")
        left = self._operand()
        while (symbol := self._symbols[self._next]).text in _STRENGTHS:
            strength, operator = _STRENGTHS[symbol.text]
            if strength < weakest:
                break
            self._next += 1
            right = self._expression(strength if operator is ast.Pow else strength + 1)
            left = _tree(ast.BinOp(left.node, operator(), right.node), symbol, left, right)
        self._nesting -= 1
        return left

    def _operand(self) -> Tree:
        symbol = self._take()
        if symbol.kind == "number":
            return Tree(_constant(symbol), 1)
        if symbol.kind == "name":
            return (
                self._call(symbol) if self._symbols[self._next].text == "(" else self._part(symbol)
            )
        if symbol.text == "(":
            inner = self._expression(0)
            self._close(symbol)
            return inner
        if symbol.text in ("-", "+"):
            inner = self._expression(_SIGN_STRENGTH)
            sign = ast.USub() if symbol.text == "-" else ast.UAdd()
            return _tree(ast.UnaryOp(sign, inner.node), symbol, inner)
        hint = " (whole division is floor(a / b))" if symbol.text == "/" else ""
        raise fault(symbol.place, f"{symbol} where a number, a part or '(' must stand{hint}")

    def _part(self, symbol: Symbol) -> Tree:
        if symbol.text in ARITIES:
            raise fault(symbol.place, f"{symbol} is a function; write {symbol.text}(…)")
        self.names.setdefault(symbol.text, symbol.place)
        return Tree(ast.Name(symbol.text, ast.Load()), 1)

    def _call(self, symbol: Symbol) -> Tree:
        if symbol.text not in ARITIES:
            raise fault(symbol.place, f"{symbol} is no function; there are {' '.join(ARITIES)}")
        opening = self._take()
        arguments = [self._expression(0)]
        while self._symbols[self._next].text == ",":
            self._next += 1
            arguments.append(self._expression(0))
        self._close(opening)
        arity = ARITIES[symbol.text]
        if arity not in (None, len(arguments)):
            raise fault(symbol.place, f"{symbol} takes one argument, not {len(arguments)}")
        function = ast.Name(symbol.text, ast.Load())
        call = ast.Call(function, [argument.node for argument in arguments], [])
        return _tree(call, symbol, *arguments)

    def _close(self, opening: Symbol) -> None:
        symbol = self._take()
        if symbol.text == ")":
            return
        if symbol.kind == "end":
            raise fault(opening.place, "'(' is not closed")
        raise fault(symbol.place, f"{symbol} where an operator or ')' must stand")


def _tree(node: ast.expr, symbol: Symbol, *below: Tree) -> Tree:
    depth = 1 + max(tree.depth for tree in below)
    if depth > MAX_DEPTH:
        raise fault(
            symbol.place,
            f"more than {MAX_DEPTH} operations in one chain; group them in parentheses",
        )
    return Tree(node, depth)


def _constant(symbol: Symbol) -> ast.Constant:
    value = float(symbol.text)
    if value == float("inf"):
        raise fault(symbol.place, f"{symbol} is too large for a number")
    return ast.Constant(value)


def _scan(text: str) -> Iterator[Symbol]:
    for count, found in enumerate(_SYMBOL.finditer(text.rstrip())):
        kind = found.lastgroup or ""
        place = found.start(kind if kind != "tail" else "number")
        if count == MAX_SYMBOLS:
            raise fault(place, f"more than {MAX_SYMBOLS:,} numbers, names and signs")
        if kind == "other":
            raise fault(place, _odd_character(found["other"]))
        if found["tail"]:
            number = found["number"] + found["tail"]
            raise fault(
                place,
                f"{number[:40]!r} is no decimal number such as 2 or 0.5 (and a factor needs its *)",
            )
        kind = "number" if kind == "tail" else kind
        yield Symbol(kind, found[kind], place)
    yield Symbol("end", "", len(text))


def _odd_character(character: str) -> str:
    if character in _LOOKALIKES:
        return f"{character!r} is no operator; write {_LOOKALIKES[character]}"
    hint = _HINTS.get(character, "names are ASCII letters, digits and underscores")
    return f"{character!r} is not possible; {hint}, operators are + - * / ^ ( ) and a comma"
