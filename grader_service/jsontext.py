"""The one place where JSON text from outside becomes values, and where values become JSON text.

`loads` is pydantic-core's parser (jiter): it keeps integers exact and refuses lone surrogates. What
it lets through and JSON has not — numbers too large for a double — is looked for here, and the
nesting is counted before anything recurses. orjson would be quicker but turns integers beyond
64 bits into floats; it writes, where such integers are an error that is caught.
"""

import math
import re
from itertools import accumulate
from typing import Any

import orjson
from pydantic_core import from_json, to_json

MAX_DEPTH = 128
"""Levels of arrays and objects inside each other; jiter itself ends at 200."""

_KEPT_DEPTH = 200
"""What came from outside can lie a few levels deeper inside what is kept of it."""

_DIGITS_AND_E = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_RUN = b"0" * 200
"""With an exponent below 100 a number needs more digits than these to be too large."""

_LARGE_NUMBER = re.compile(
    rb'(?:"(?:[^"\\]++|\\.)*+"|[^"0-9]++|(?![0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]{3}|[0-9]{200})[0-9.eE+-]++)*+'
    rb"([0-9][0-9.eE+-]*+)",
    re.DOTALL,
)
"""Up to and with the next number that may be too large; strings are skipped."""

_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")
"""Brackets as signed bytes, +1 and -1, and all that is none."""


class JsonError(ValueError):
    """A text that is no JSON, or none that this service takes; says what and where, never quotes strings."""


def loads(data: bytes | str, max_depth: int = MAX_DEPTH) -> Any:
    """Parse strict JSON (RFC 8259) in UTF-8; of equal keys the last one wins.

    Integers are exact (up to 4,300 digits), floats the nearest double. NaN, Infinity, numbers
    beyond a double, lone surrogates, a byte order mark and more than `max_depth` levels (at most
    200) are refused.

    Raises:
        JsonError: a `ValueError`.
    """
    if isinstance(data, str):
        try:
            data = data.encode()
        except UnicodeEncodeError as error:
            raise JsonError(f"lone surrogate at character {error.start + 1}") from None
    _check_depth(data, max_depth)
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise JsonError(str(error)) from None
    _check_numbers(data)
    return value


def kept(data: str) -> Any:
    """Parse what this service wrote itself.

    Raises:
        JsonError: see `loads`.
    """
    return loads(data, _KEPT_DEPTH)


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8, non-ASCII as it is, integers of any size; a NaN would become null.

    Raises:
        TypeError, ValueError: a value of no JSON type, or a string with lone surrogates.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, or something that the next line refuses, too
        return to_json(value, inf_nan_mode="null")


def _check_depth(data: bytes, limit: int) -> None:
    """Wrong only about texts that are no JSON anyway, and those the parser refuses."""
    if data.count(b"[") + data.count(b"{") <= limit:
        return
    unescaped = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(unescaped.split(b'"')[::2])
    steps = outside_strings.translate(_STEPS, _NO_BRACKETS)
    if max(accumulate(memoryview(steps).cast("b")), default=0) > limit:
        raise JsonError(f"nested deeper than {limit} levels")


def _check_numbers(data: bytes) -> None:
    """Refuse a float literal that only infinity is near; `data` is valid JSON."""
    forms = data.translate(_DIGITS_AND_E)
    if b"0e000" not in forms and b"0e+000" not in forms and _LONG_RUN not in forms:
        return  # every number beyond 1.8e308 has one of these in it, and few harmless texts have
    position = 0
    while found := _LARGE_NUMBER.match(data, position):
        number, position = found[1], found.end()
        if not number.isdigit() and math.isinf(float(number)):
            shown = number[:20].decode() + ("…" if len(number) > 20 else "")
            raise JsonError(
                f"number {shown} beyond the range of a double at byte {found.start(1) + 1}"
            )
