"""Every engine against the list of `conformance.py`, and against whole sources that are wrong or odd."""

import asyncio
from typing import Any

import pytest

from grader_service import errors
from grader_service.sandbox.base import Program, Sandbox
from tests.sandbox.check import Check, hold, plain_grades, run, source
from tests.sandbox.conformance import CHECKS
from tests.sandbox.expect import fails, value
from tests.sandbox.sources import (
    ACCEPTED,
    ENDLESS_MODULE,
    MAX_SOURCE_BYTES,
    ODD_MODULES,
    PLAIN,
    WRONG,
    padded,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


def grade(text: str, length: int = 5) -> Program:
    return Program(text, {"output_text": "x" * length}, {})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.program}-{check.name}")
async def test_check(
    check: Check, sandbox: Sandbox, hurried: Sandbox, world: dict[str, Any]
) -> None:
    await hold(hurried if check.hurried else sandbox, check, world)


async def test_no_listener_of_the_host_was_reached(
    sandbox: Sandbox, world: dict[str, Any], visits: list[str]
) -> None:
    for check in CHECKS:
        if check.program == "network":
            await hold(sandbox, check, world)
    assert visits == []


@pytest.mark.parametrize("name", WRONG)
async def test_source_that_can_never_grade(name: str, sandbox: Sandbox) -> None:
    text, mention = WRONG[name]
    for _ in range(2):  # also the second time, when it is known already
        assert fails(errors.SourceInvalid, mention)(await run(sandbox, grade(text))) is None
    await plain_grades(sandbox, PLAIN)


@pytest.mark.parametrize("name", ACCEPTED)
async def test_source_of_an_odd_form(name: str, sandbox: Sandbox) -> None:
    await plain_grades(sandbox, ACCEPTED[name])


@pytest.mark.parametrize("name", ODD_MODULES)
async def test_module_that_fails_while_loading(name: str, sandbox: Sandbox) -> None:
    text, error, mention = ODD_MODULES[name]
    for _ in range(2):
        judge = fails(getattr(errors, error), mention, without=("/opt/grader",))
        assert judge(await run(sandbox, grade(text))) is None


async def test_module_that_never_ends_is_ended(hurried: Sandbox) -> None:
    assert fails(errors.TimeLimitExceeded)(await run(hurried, grade(ENDLESS_MODULE))) is None


async def test_source_of_the_largest_size_and_one_byte_more(sandbox: Sandbox) -> None:
    assert value(5 / 7)(await run(sandbox, grade(padded(MAX_SOURCE_BYTES)))) is None
    over = await run(sandbox, grade(padded(MAX_SOURCE_BYTES + 1)))
    assert fails(errors.SourceInvalid, "262,144")(over) is None


async def test_slow_grade_delays_no_other(sandbox: Sandbox) -> None:
    """Both sources grade at once, each on a worker of its own: the quick ones are done while the slow one sleeps."""
    slow = "import time\ndef grade(sample, item):\n    time.sleep(3)\n    return 2.0\n"
    sleeping = asyncio.create_task(run(sandbox, grade(slow)))
    for length in range(1, 20):
        assert value(length / 7)(await run(sandbox, grade(PLAIN, length))) is None
    assert not sleeping.done()
    assert value(2.0)(await sleeping) is None


async def test_two_sources_and_two_tenants_share_nothing(sandbox: Sandbox) -> None:
    """Many at once, each with its own right value."""
    sources = [f"K = {k}\ndef grade(sample, item):\n    return K * item['n']\n" for k in range(4)]
    programs = [
        (Program(sources[k], {}, {"n": n}, tenant=tenant), float(k * n))
        for k in range(4)
        for n in range(6)
        for tenant in ("a", "b")
    ]
    seen = await asyncio.gather(*(run(sandbox, program) for program, _ in programs))
    assert [value(expected)(each) for each, (_, expected) in zip(seen, programs, strict=True)] == [
        None
    ] * 48


NEIGHBOUR = """
import subprocess

def grade(sample, item):
    with open("/tmp/file", "wb") as file:
        file.write(bytes(10 << 20))
    return float(subprocess.run(["/bin/echo", str(item["n"])], capture_output=True, text=True).stdout)
"""


async def test_bombs_harm_no_neighbour(sandbox: Sandbox) -> None:
    """While grades fill processes, files, disk and memory, others fork and write as if they were alone."""
    bombs = (
        ("processes", "fork_bomb"),
        ("processes", "thread_bomb"),
        ("files", "disk_fill"),
        ("files", "inode_bomb"),
        ("memory", "map_bomb"),
    )
    falling = [
        asyncio.create_task(run(sandbox, Program(source(program), {}, {"act": act})))
        for program, act in bombs
    ]
    while not all(bomb.done() for bomb in falling):
        for number in range(5):
            seen = await run(sandbox, Program(NEIGHBOUR, {}, {"n": number}))
            assert value(float(number))(seen) is None
    assert [type(bomb.result()).__name__ for bomb in falling] == [
        *["Outcome"] * 4,
        "MemoryLimitExceeded",
    ]
