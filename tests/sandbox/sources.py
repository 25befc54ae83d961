"""Whole sources for what happens before `grade` is called: wrong ones, odd ones, and modules that attack while they load."""

PLAIN = "def grade(sample, item):\n    return len(sample['output_text']) / 7\n"

WRONG = {
    "empty": ("", "grade"),
    "no_grade": ("x = 1\n", "grade"),
    "grade_is_no_function": ("grade = 5\n", "grade"),
    "no_parameters": ("def grade():\n    return 1\n", "grade"),
    "one_parameter": ("def grade(sample):\n    return 1\n", "grade"),
    "three_parameters": ("def grade(sample, item, more):\n    return 1\n", "grade"),
    "keyword_only": ("def grade(*, sample, item):\n    return 1\n", "grade"),
    "syntax_error": ("def grade(sample, item):\n    return (1\n", "line"),
    "bad_indentation": ("def grade(sample, item):\nreturn 1\n", "line 2"),
    "null_byte": ("def grade(sample, item):\n    return 1 \0\n", "null"),
    "too_nested": ("x = " + "(" * 5_000 + ")" * 5_000 + "\n" + PLAIN, ""),
    "compiler_bomb": ("x = " + "-" * 100_000 + "1\n" + PLAIN, ""),
}
"""Name to source, and what the error must mention. All are `SourceInvalid`."""

MAX_SOURCE_BYTES = 262_144
"""grader-api §8.5: less than 256 kB."""


def padded(size: int) -> str:
    """A right source of exactly `size` bytes, with characters of two bytes in it."""
    head = PLAIN + "# é"
    return head + "x" * (size - len(head.encode()))


ACCEPTED = {
    "future_and_classes": '''
"""A docstring."""
from __future__ import annotations
import dataclasses, enum, pickle, typing

@dataclasses.dataclass
class Point:
    x: typing.Optional[float] = None

class Colour(enum.Enum):
    RED = 1

class Named(typing.NamedTuple):
    value: float

def grade(sample: dict[str, typing.Any], item: dict[str, typing.Any]) -> float:
    assert typing.get_type_hints(Point)["x"] == typing.Optional[float]
    assert pickle.loads(pickle.dumps(Point(2.0))) == Point(2.0)
    assert pickle.loads(pickle.dumps(Colour.RED)) is Colour.RED
    return later(Named(len(sample["output_text"]) / 7))

def later(named):
    return named.value

if __name__ == "__main__":
    raise SystemExit("run as a script")
''',
    "encoding_and_text": "# -*- coding: utf-8 -*-\nΩ = 'é\\N{SNOWMAN}'\ndef grade(sample, item):\n    return len(sample['output_text']) / 7 * len(Ω) / 2\n",
    "windows_lines": PLAIN.replace("\n", "\r\n"),
    "own_source": "import inspect\ndef grade(sample, item):\n    assert 'getsource' in inspect.getsource(grade)\n    return len(sample['output_text']) / 7\n",
    "lambda": "grade = lambda sample, item: len(sample['output_text']) / 7\n",
    "partial": "import functools\ndef g(k, sample, item):\n    return len(sample['output_text']) / k\ngrade = functools.partial(g, 7)\n",
    "object": "class G:\n    def __call__(self, sample, item):\n        return len(sample['output_text']) / 7\ngrade = G()\n",
    "other_names": "def grade(s, i):\n    return len(s['output_text']) / 7\n",
    "defaults": "def grade(sample, item, more=7):\n    return len(sample['output_text']) / more\n",
    "any_arguments": "def grade(*args):\n    return len(args[0]['output_text']) / 7\n",
    "unknown_import_caught": "try:\n    import no_such_package\nexcept ImportError:\n    pass\n"
    + PLAIN,
    "star_import": "from math import *\n" + PLAIN,
    "warnings": "import warnings\nwarnings.warn('old')\nx = '\\d'\n" + PLAIN,
}
"""Sources that must give len(output_text) / 7."""

ODD_MODULES = {
    "raises": ("raise ValueError('while loading')\n" + PLAIN, "SourceRaised", "while loading"),
    "unknown_import": ("import no_such_package\n" + PLAIN, "SourceRaised", "no_such_package"),
    "exits": ("import sys\nsys.exit(0)\n" + PLAIN, "SourceRaised", "SystemExit"),
    "leaves": ("import os\nos._exit(0)\n" + PLAIN, "ProcessKilled", ""),
    "imports_command": (
        "import numpy.f2py.__main__\nimport json.tool\nraise ValueError('went on')\n" + PLAIN,
        "SourceRaised",
        "",
    ),
    "imports_tests": ("import unittest.__main__\n" + PLAIN, "SourceRaised", "SystemExit"),
    "deep_expression": (
        "def grade(sample, item):\n    return eval('(' * 100 + '1' + ')' * 100) + [][0]\n",
        "SourceRaised",
        "IndexError",
    ),
    "undefined": (
        "def grade(sample, item):\n    return undefined_name\n",
        "SourceRaised",
        "undefined_name",
    ),
    "key_error": (
        "def grade(sample, item):\n    return sample['no such key']\n",
        "SourceRaised",
        "no such key",
    ),
}
"""Name to source, error and what its details must hold."""

ENDLESS_MODULE = "while True:\n    pass\n" + PLAIN
