"""One check: steps on one source, each judged, and the plain grades that must be right afterwards."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from grader_service.errors import CannotGrade
from grader_service.sandbox.base import Outcome, Program, Sandbox
from tests.sandbox.expect import Judge, value

PROGRAMS = Path(__file__).with_name("programs")
PLAIN_GRADES = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One grade: the program's function to call, what it gets in its item, and what must come of it."""

    act: str
    judge: Judge
    item: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """`hurried` checks run against a time limit of seconds; `same` ones must give equal values in all steps."""

    name: str
    program: str
    steps: tuple[Step, ...]
    hurried: bool = False
    same: bool = False


@cache
def source(program: str) -> str:
    """What is sent: prelude, program, footer."""
    return "\n\n".join(
        (PROGRAMS / f"{name}.py").read_text() for name in ("prelude", program, "footer")
    )


async def run(sandbox: Sandbox, program: Program) -> Outcome | CannotGrade:
    """The outcome, or the error by which there was none."""
    try:
        return await sandbox.run(program)
    except CannotGrade as error:
        return error


async def hold(sandbox: Sandbox, check: Check, world: Mapping[str, Any]) -> None:
    """Run one check; AssertionError says which step went wrong, and what was observed."""
    text = source(check.program)
    values = []
    for number, step in enumerate(check.steps, 1):
        item = {"act": step.act, "world": dict(world), **step.item}
        seen = await run(sandbox, Program(text, {"output_text": ""}, item))
        wrong = step.judge(seen)
        assert wrong is None, f"{check.name}, step {number} ({step.act}): {wrong}"
        values.append(seen.value if isinstance(seen, Outcome) else None)
    if check.same:
        assert len(set(values)) == 1, f"{check.name}: values differ: {values}"
    await plain_grades(sandbox, text)


async def plain_grades(sandbox: Sandbox, text: str) -> None:
    """The source still grades rightly: one after the other, then two at once."""
    lengths = range(1, PLAIN_GRADES + 1)
    for length in lengths:
        await _plain(sandbox, text, length)
    await asyncio.gather(*(_plain(sandbox, text, length) for length in (11, 12)))


async def _plain(sandbox: Sandbox, text: str, length: int) -> None:
    seen = await run(sandbox, Program(text, {"output_text": "x" * length}, {"act": "plain"}))
    wrong = value(length / 7)(seen)
    assert wrong is None, f"the plain grade afterwards: {wrong}"
