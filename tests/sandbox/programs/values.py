"""What `grade` may return, and what only looks like it. `give` returns VALUES[item["value"]]()."""

import decimal
import fractions
import math
import struct
import sys


class LyingFloat(float):
    def __float__(self):
        return 1.0

    def __eq__(self, other):
        return True

    __hash__ = None

    def __repr__(self):
        return "1.0"

    __str__ = __repr__

    def __getattribute__(self, name):
        return (
            (lambda *_: 1.0)
            if name in ("__float__", "real", "hex", "as_integer_ratio", "__trunc__")
            else super().__getattribute__(name)
        )

    def __format__(self, spec):
        return "1.0"

    def __reduce_ex__(self, protocol):
        return float, (1.0,)


class LyingInt(int):
    def __float__(self):
        return 1.0

    def __int__(self):
        return 1

    __index__ = __trunc__ = __int__

    def __repr__(self):
        return "1"

    __str__ = __repr__


class OnlyFloats:
    """No number, but `float()` would take it."""

    def __float__(self):
        return 1.0


class Pretender:
    """Says that it is a float wherever it is asked."""

    def __float__(self):
        return 1.0

    @property
    def __class__(self):
        return float

    def __eq__(self, other):
        return True

    def item(self):
        return 1.0


class Meta(type):
    def __instancecheck__(cls, thing):
        return True

    def __subclasscheck__(cls, other):
        return True

    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return hash(float)


class MetaPretender(metaclass=Meta):
    def __float__(self):
        return 1.0


class RaisingFloat(float):
    def __float__(self):
        raise SystemExit


def numpy_value(kind, value):
    import numpy

    return getattr(numpy, kind)(value)


def lying_numpy():
    import numpy

    class Lying(numpy.float64):
        def item(self, *_):
            return 1.0

        def __float__(self):
            return 1.0

        tolist = __array__ = item

    return Lying(0.25)


def patched_checks():
    """The functions that a runner would check with now say yes to everything."""
    import builtins
    import numbers

    math.isfinite = math.isnan = lambda *_: True
    builtins.isinstance = builtins.issubclass = lambda *_: True
    builtins.float = builtins.int = lambda *_: 1.0
    builtins.type = lambda *_: float
    numbers.Real.register(str)
    return "not a number"


def patched_finite():
    math.isfinite = lambda *_: True
    math.isnan = math.isinf = lambda *_: False
    return math.nan


def patched_packing():
    """What turns the number into bytes now gives others."""
    import json

    struct.pack = lambda *_: b"\x3f\xf0" + bytes(6)
    struct.Struct = None
    json.dumps = lambda *_, **__: "1.0"
    return 0.25


def patched_float_type():
    """The float's own methods, in the interpreter's memory: `float.__float__` now answers for `float.__abs__`."""
    return -0.0


def generator():
    yield 1.0


async def coroutine():
    return 1.0


VALUES = {
    "int": lambda: 1,
    "negative": lambda: -3,
    "float": lambda: 1 / 3,
    "tiny": lambda: 5e-324,
    "huge": lambda: sys.float_info.max,
    "minus_zero": lambda: -0.0,
    "long_int": lambda: 2**60,
    "true": lambda: True,
    "false": lambda: False,
    "numpy_float64": lambda: numpy_value("float64", 0.1),
    "numpy_float32": lambda: numpy_value("float32", 0.1),
    "numpy_float16": lambda: numpy_value("float16", 0.5),
    "numpy_longdouble": lambda: numpy_value("longdouble", 0.5),
    "numpy_int64": lambda: numpy_value("int64", 7),
    "numpy_uint8": lambda: numpy_value("uint8", 7),
    "numpy_bool": lambda: numpy_value("bool_", True),
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "minus_inf": lambda: -math.inf,
    "numpy_nan": lambda: numpy_value("float64", math.nan),
    "numpy_inf": lambda: numpy_value("float32", math.inf),
    "numpy_complex": lambda: numpy_value("complex128", 1.0),
    "numpy_text": lambda: numpy_value("str_", "1.0"),
    "numpy_date": lambda: numpy_value("datetime64", "2025-01-01"),
    "too_large": lambda: 10**400,
    "none": lambda: None,
    "text": lambda: "1.0",
    "bytes": lambda: b"1.0",
    "list": lambda: [1.0],
    "dict": lambda: {"score": 1.0},
    "tuple": lambda: (1.0,),
    "complex": lambda: complex(1.0),
    "type": lambda: float,
    "generator": generator,
    "coroutine": coroutine,
    "function": lambda: coroutine,
    "only_floats": OnlyFloats,
    "pretender": Pretender,
    "meta_pretender": MetaPretender,
    "lying_float": lambda: LyingFloat(0.25),
    "lying_int": lambda: LyingInt(0),
    "lying_numpy": lying_numpy,
    "raising_float": lambda: RaisingFloat(0.25),
    "lying_nan": lambda: LyingFloat(math.nan),
    "patched_checks": patched_checks,
    "patched_finite": patched_finite,
    "patched_packing": patched_packing,
    "decimal": lambda: decimal.Decimal("0.5"),
    "fraction": lambda: fractions.Fraction(1, 2),
}


def give(item):
    value = VALUES[item["value"]]()
    if item["value"] == "coroutine":
        sys.unraisablehook = lambda *_: None
    return value
