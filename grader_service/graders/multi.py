"""`multi`: several graders on one sample, and a formula over their rewards (grader-api §8.6)."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, field_validator

from grader_service import formula
from grader_service.errors import FormulaUndefined, InvalidGrader
from grader_service.graders.base import Grader
from grader_service.graders.context import Context, Engines
from grader_service.graders.parts import Part
from grader_service.graders.result import Cause, Result, Score

MAX_PARTS: Final = 100
LONG_SECONDS: Final = 0.005
"""After so much work without a pause other requests get a turn."""

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FORM = '{"accuracy": {"type": "string_check", …}, …}'


def _check_key(key: str) -> str:
    if key in formula.FUNCTION_NAMES:
        raise ValueError(f"{key!r} is a function of formulas; give this part another key")
    if _KEY.fullmatch(key):
        return key
    hint = "ASCII letters, digits and underscores, not beginning with a digit"
    usable = re.sub(r"[-\s.]+", "_", key)
    if _KEY.fullmatch(usable):
        hint = f"use underscores: {usable[:60]!r}"
    raise ValueError(f"{key[:60]!r} cannot be named in a formula; {hint}")


def _check_form(graders: Any) -> Any:
    if isinstance(graders, list):
        raise ValueError(
            f"an array, where an object with a grader for each key must stand: {_FORM}"
        )
    if isinstance(graders, Mapping) and isinstance(graders.get("type"), str):
        raise ValueError(
            f"one grader, where an object with a grader for each key must stand: {_FORM}"
        )
    if isinstance(graders, Mapping) and not 0 < len(graders) <= MAX_PARTS:
        raise ValueError(f"{len(graders)} parts; between 1 and {MAX_PARTS} are possible")
    return graders


def _refuse_nesting(part: Any) -> Any:
    if isinstance(part, Mapping) and part.get("type") == "multi":
        raise ValueError(
            "a multi cannot stand inside a multi; put its parts here and one formula over all"
        )
    return part


class Multi(Grader):
    """`calculate_output` is a formula over the keys of `graders`; see `grader_service.formula`."""

    type: Literal["multi"]
    graders: Annotated[
        dict[
            Annotated[str, AfterValidator(_check_key)],
            Annotated[Part, BeforeValidator(_refuse_nesting)],
        ],
        BeforeValidator(_check_form),
    ]
    calculate_output: str

    @field_validator("calculate_output")
    @classmethod
    def _check_formula(cls, text: str, info: ValidationInfo) -> str:
        """The formula's own faults wait until the parts are right: it could not be judged without."""
        if "graders" in info.data:
            formula.parse(text, info.data["graders"])
        return text

    async def check(self, engines: Engines) -> list[str]:
        """The parts' warnings and faults, with the part's key before them."""
        unused = self.graders.keys() - formula.parse(self.calculate_output, self.graders).names
        warnings = [f"calculate_output does not use {key}" for key in self.graders if key in unused]
        for key, part in self.graders.items():
            try:
                warnings += [f"graders.{key}: {warning}" for warning in await part.check(engines)]
            except InvalidGrader as error:
                place = f"graders.{key}.{error.param}" if error.param else f"graders.{key}"
                raise InvalidGrader(error.message, param=place) from error
        return warnings

    def parts(self) -> Mapping[str, Grader]:
        return {f"graders.{key}.": part for key, part in self.graders.items()}

    def texts(self) -> Sequence[tuple[str, str]]:
        return [
            (prefix + place, text)
            for prefix, part in self.parts().items()
            for place, text in part.texts()
        ]

    def bounds(self) -> tuple[float, float]:
        """An invalid part counts with its `invalid_grade`, which may lie outside its own bounds."""
        limits = {
            key: (min(low, part.invalid_grade), max(high, part.invalid_grade))
            for key, part in self.graders.items()
            for low, high in (part.bounds(),)
        }
        return formula.parse(self.calculate_output, self.graders).bounds(limits)

    async def score(self, ctx: Context) -> Score:
        """An invalid part counts with its own `invalid_grade`; `Grader` sees to failed ones."""
        parts = await self._grade_parts(ctx.for_part())
        rewards = {key: part.reward for key, part in parts.items()}
        try:
            reward = formula.parse(self.calculate_output, self.graders).evaluate(rewards)
        except FormulaUndefined as error:
            return Score(self.invalid_grade, causes=(Cause.of(error),), parts=parts)
        return Score(reward, parts=parts)

    async def _grade_parts(self, ctx: Context) -> dict[str, Result]:
        """All at once; parts that never wait are graded here while the others are under way."""
        waiting = {key: part for key, part in self.graders.items() if part.waits}
        if not waiting:
            return await self._grade_ready(ctx)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part.grade(ctx)) for part in waiting.values()]
            await asyncio.sleep(0)  # lets them start
            ready = await self._grade_ready(ctx)
            results = await asyncio.gather(*tasks)
        done = ready | dict(zip(waiting, results, strict=True))
        return {key: done[key] for key in self.graders}

    async def _grade_ready(self, ctx: Context) -> dict[str, Result]:
        results: dict[str, Result] = {}
        worked = 0.0
        for key, part in self.graders.items():
            if part.waits:
                continue
            results[key] = await part.grade(ctx)
            worked += results[key].seconds
            if worked > LONG_SECONDS:
                worked = 0.0
                await asyncio.sleep(0)
        return results
