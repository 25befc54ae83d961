"""What `check` says of a python grader before anything runs: through the grader's own door."""

import pytest
from pydantic import ValidationError

from grader_service.errors import InvalidGrader
from grader_service.graders.python import Python
from grader_service.graders.source import Findings, Sources
from grader_service.settings import MEBIBYTE
from grader_service.workers import open_workers
from tests.fakes.engines import make_engines

PLAIN = "def grade(sample, item):\n    return 1\n"


async def check(source: str) -> list[str]:
    grader = Python.model_validate({"type": "python", "source": source})
    async with open_workers(1, 512 * MEBIBYTE) as workers:
        return await grader.check(make_engines(sources=Sources(workers)))


@pytest.mark.parametrize(
    ("source", "mention"),
    [
        ("def grade(sample, item):\n    return (1\n", "line 2"),
        ("", "defines no function `grade`"),
        ("def score(sample, item):\n    return 1\n", "defines no function `grade`"),
        ("def grade(sample):\n    return 1\n", "grade(sample)"),
        ("def grade(sample, item, more):\n    return 1\n", "two positional"),
        ("def grade(*, sample, item):\n    return 1\n", "two positional"),
        ("def grade(sample, item, *, k):\n    return 1\n", "two positional"),
        ("async def grade(sample, item):\n    return 1\n", "async def"),
        ("x = '\ud800'\n" + PLAIN, "surrogate"),
        (PLAIN + "\0", "null"),
        ("x = " + "(" * 5000 + ")" * 5000, ""),
        ("x = " + "-" * 200_000 + "1\n" + PLAIN, ""),
        (PLAIN + "#" * 262_144, "262,144"),
    ],
)
async def test_source_that_can_never_grade(source: str, mention: str) -> None:
    for _ in range(2):  # from the cache, too
        with pytest.raises(InvalidGrader) as caught:
            await check(source)
        assert caught.value.param == "source"
        assert mention in caught.value.message


@pytest.mark.parametrize(
    "source",
    [
        PLAIN,
        "def grade(a, b, c=1, *args, d=2, **rest):\n    return 1\n",
        "def grade(*args):\n    return 1\n",
        "grade = lambda s, i: 1\n",
        "from operator import add as grade\n",
        "from somewhere import *\n",
        "if True:\n" + PLAIN.replace("def", "  def").replace("    return", "      return"),
        "def grade(one):\n    return 1\ngrade = str\n",
        "import functools\n@functools.cache\ndef grade(x):\n    return 1\n",
        "exec('def grade(s, i): return 1')\n",
        "globals()['grade'] = max\n",
        "async def grade(a): ...\n" + PLAIN,
        PLAIN + "#" * (262_144 - len(PLAIN)),
    ],
)
async def test_source_that_may_grade(source: str) -> None:
    assert await check(source) == []


async def test_import_that_the_hosted_service_refuses_is_a_warning() -> None:
    source = (
        "import os\n"
        + PLAIN
        + "if __name__ == '__main__':\n    import sys, sys\n    from sys import path\n"
    )
    (warning,) = await check(source)
    assert "line 5" in warning
    assert "'sys'" in warning


@pytest.mark.parametrize("tag", ["../x", "a b", "", "a:b", "-x", "x" * 129])
def test_image_tag_is_a_tag(tag: str) -> None:
    with pytest.raises(ValidationError):
        Python.model_validate({"type": "python", "source": PLAIN, "image_tag": tag})


async def test_a_large_source_is_looked_at_in_a_worker_and_once() -> None:
    """The parser holds the interpreter's lock: a quarter of a megabyte would stop the event loop for as long as it takes."""
    large = "def grade(sample, item):\n    return 1\n" + "x = [1, 2, 3]\n" * 10_000
    async with open_workers(1, 512 * MEBIBYTE) as workers:
        sources = Sources(workers)
        assert await sources.look_at(large) == Findings()
        assert (
            await sources.look_at(large + "def (")
        ).error == "SyntaxError: invalid syntax (line 10003)"
    assert await sources.look_at(large) == Findings()  # remembered: the workers are gone
