"""multi: parts side by side, the formula over their rewards, causes rolled up, places of faults."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from grader_service.errors import InvalidGrader, SandboxUnavailable, SourceRaised
from grader_service.graders import GRADER
from grader_service.graders.base import Grader
from grader_service.graders.multi import MAX_PARTS, Multi
from grader_service.sandbox.base import Outcome, Program, SandboxStatus
from tests.fakes.engines import NO_SANDBOX, Observed, make_context, make_engines


def check(reference: str = "{{item.a}}", **fields: Any) -> dict[str, Any]:
    wire = {
        "type": "string_check",
        "operation": "eq",
        "input": "{{sample.output_text}}",
        "reference": reference,
    }
    return {**wire, **fields}


def python(source: str, **fields: Any) -> dict[str, Any]:
    return {"type": "python", "source": source, **fields}


def wire(graders: Any, formula: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "multi", "graders": graders, "calculate_output": formula, **fields}


def make(graders: Any, formula: str, **fields: Any) -> Multi:
    return Multi.model_validate(wire(graders, formula, **fields))


class SandboxOfWords:
    """Its programs are single words; `together` of them must be inside before any may leave."""

    def __init__(self, together: int = 1) -> None:
        self._together = together
        self._all_inside = asyncio.Event()
        self.inside = 0
        self.cancelled: list[str] = []

    async def run(self, program: Program) -> Outcome:
        self.inside += 1
        if self.inside == self._together:
            self._all_inside.set()
        try:
            await self._all_inside.wait()
            return await self._obey(program.source)
        except asyncio.CancelledError:
            self.cancelled.append(program.source)
            raise

    async def _obey(self, word: str) -> Outcome:
        if word == "raise":
            raise SourceRaised("ValueError: no")
        if word == "unavailable":
            raise SandboxUnavailable("no worker")
        if word == "defect":
            raise RuntimeError("a defect")
        if word == "cancel":
            raise asyncio.CancelledError
        if word == "forever":
            await asyncio.Event().wait()
        return Outcome(float(word))

    def status(self) -> SandboxStatus:
        return SandboxStatus("docker", ready=True, reason="")


async def test_computes_the_formula_over_the_rewards() -> None:
    grader = make(
        {"right": check(), "wrong": check("no"), "folded": check("YES", operation="ilike")},
        "0.5 * right + 0.3 * wrong + 0.2 * folded",
        name="m",
    )
    result = await grader.grade(make_context({"a": "yes"}, "yes"))
    assert (result.reward, result.state, result.grader_type, result.name) == (
        0.7,
        "value",
        "multi",
        "m",
    )
    assert {key: part.reward for key, part in result.parts.items()} == {
        "right": 1.0,
        "wrong": 0.0,
        "folded": 1.0,
    }


async def test_keys_may_be_words_of_python() -> None:
    grader = make({"class": check(), "if": check("no"), "type": check()}, "class + type - if")
    assert (await grader.grade(make_context({"a": "x"}, "x"))).reward == 2.0


async def test_parts_run_at_the_same_time_and_stay_in_their_order() -> None:
    sandbox = SandboxOfWords(together=3)
    parts = {"p": python("1"), "s": check(), "q": python("2"), "r": python("4")}
    async with asyncio.timeout(10):
        result = await make(parts, "p + q + r + 10 * s").grade(
            make_context({"a": "x"}, "x", sandbox=sandbox)
        )
    assert result.reward == 17.0
    assert list(result.parts) == ["p", "s", "q", "r"]


async def test_parts_that_wait_are_under_way_while_others_are_graded() -> None:
    sandbox = SandboxOfWords()
    seen: list[int] = []
    observed = make_engines(sandbox=sandbox, observe=lambda _: seen.append(sandbox.inside))
    await make({"s": check(), "p": python("1")}, "s + p").grade(
        make_context({"a": "x"}, "x", engines=observed)
    )
    assert seen[0] == 1


async def test_an_invalid_part_counts_with_its_own_grade() -> None:
    parts = {
        "missing": check("{{item.gone}}", invalid_grade=0.25),
        "raised": python("raise"),
        "good": check(),
    }
    grader = make(parts, "missing + raised + good", invalid_grade=-1.0)
    result = await grader.grade(make_context({"a": "x"}, "x", sandbox=SandboxOfWords()))
    assert (result.reward, result.state) == (1.25, "invalid")
    assert [(cause.where, cause.kind) for cause in result.causes] == [
        ("missing", "variable_missing"),
        ("raised", "source_raised"),
    ]


@pytest.mark.parametrize(
    ("word", "kind", "retryable"),
    [("unavailable", "sandbox_unavailable", True), ("defect", "internal_fault", False)],
)
async def test_a_failed_part_makes_the_multi_failed(word: str, kind: str, retryable: bool) -> None:
    grader = make({"good": check(), "bad": python(word)}, "good + bad", invalid_grade=-1.0)
    result = await grader.grade(make_context({"a": "x"}, "x", sandbox=SandboxOfWords()))
    assert (result.reward, result.state, result.retryable) == (-1.0, "failed", retryable)
    assert [(cause.where, cause.kind) for cause in result.causes] == [("bad", kind)]
    assert result.parts["good"].reward == 1.0


async def test_without_a_sandbox_a_python_part_fails_and_says_so() -> None:
    result = await make({"p": python("1")}, "p").grade(make_context())
    assert (result.state, result.causes[0].details) == ("failed", NO_SANDBOX)


async def test_an_undefined_formula_is_the_multis_own_cause_and_keeps_the_parts() -> None:
    grader = make({"one": check(), "zero": check("no")}, "one / zero", invalid_grade=0.5)
    result = await grader.grade(make_context({"a": "x"}, "x"))
    assert (result.reward, result.state) == (0.5, "invalid")
    assert [(cause.where, cause.flag) for cause in result.causes] == [("", "other_error")]
    assert result.causes[0].details.endswith("1.0 / 0.0 divides by zero")
    assert {key: part.reward for key, part in result.parts.items()} == {"one": 1.0, "zero": 0.0}


async def test_each_part_is_observed_before_the_multi() -> None:
    observed = Observed()
    context = make_context(
        {"a": "x"}, "x", engines=make_engines(observe=observed), trace_id="t", catalogue="c"
    )
    await make({"a": check(), "b": check("{{item.gone}}")}, "a + b").grade(context)
    assert [
        (event.grader_type, event.part, event.state, event.kinds) for event in observed.events
    ] == [
        ("string_check", True, "value", ()),
        ("string_check", True, "invalid", ("variable_missing",)),
        ("multi", False, "invalid", ("variable_missing",)),
    ]
    assert {(event.trace_id, event.catalogue) for event in observed.events} == {("t", "c")}


async def test_one_cancelled_part_cancels_all() -> None:
    sandbox = SandboxOfWords(together=3)
    grader = make(
        {"a": python("forever"), "b": python("cancel"), "c": python("forever")}, "a + b + c"
    )
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(10):
            await grader.grade(make_context(sandbox=sandbox))
    assert sorted(sandbox.cancelled) == ["cancel", "forever", "forever"]


async def test_a_deadline_ends_all_parts() -> None:
    sandbox = SandboxOfWords(together=2)
    grader = make({"a": python("forever"), "b": python("forever"), "c": check()}, "a + b + c")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await grader.grade(make_context({"a": ""}, "", sandbox=sandbox))
    assert sandbox.cancelled == ["forever", "forever"]


async def test_long_work_in_many_parts_leaves_turns_to_others() -> None:
    text = "ß" * 500_000
    parts = {f"p{n}": check("x", operation="ilike") for n in range(20)}
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    await make(parts, "p0").grade(make_context({}, text))
    beside.cancel()
    assert turns >= 1


@pytest.mark.parametrize(
    ("grader", "place", "hint"),
    [
        (
            wire({"a": check(input="{{x}}")}, "a"),
            ("multi", "graders", "a", "string_check", "input"),
            "item.x",
        ),
        (
            wire({"a": check(operation="neq")}, "a"),
            ("multi", "graders", "a", "string_check", "operation"),
            "'ne'",
        ),
        (wire({"a": {"type": "nope"}}, "a"), ("multi", "graders", "a"), "'nope'"),
        (wire({"a": {}}, "a"), ("multi", "graders", "a"), "'type'"),
        (wire({"a": "text"}, "a"), ("multi", "graders", "a"), "valid dictionary"),
        (
            wire({"a": wire({"b": check()}, "b")}, "a"),
            ("multi", "graders", "a"),
            "cannot stand inside a multi",
        ),
        (
            wire({"similarity-score": check()}, "1"),
            ("multi", "graders", "similarity-score", "[key]"),
            "use underscores: 'similarity_score'",
        ),
        (
            wire({"a b": check()}, "1"),
            ("multi", "graders", "a b", "[key]"),
            "use underscores: 'a_b'",
        ),
        (
            wire({"1a": check()}, "1"),
            ("multi", "graders", "1a", "[key]"),
            "not beginning with a digit",
        ),
        (wire({"ｂ": check()}, "1"), ("multi", "graders", "ｂ", "[key]"), "ASCII"),
        (wire({"a\n": check()}, "1"), ("multi", "graders", "a\n", "[key]"), "cannot be named"),
        (wire({"": check()}, "1"), ("multi", "graders", "", "[key]"), "cannot be named"),
        (wire({"min": check()}, "1"), ("multi", "graders", "min", "[key]"), "is a function"),
        (
            wire([check()], "a"),
            ("multi", "graders"),
            "an array, where an object with a grader for each key must stand",
        ),
        (wire(check(), "a"), ("multi", "graders"), "one grader, where an object"),
        (wire({}, "1"), ("multi", "graders"), f"0 parts; between 1 and {MAX_PARTS}"),
        (
            wire({f"p{n}": check() for n in range(MAX_PARTS + 1)}, "p0"),
            ("multi", "graders"),
            "101 parts",
        ),
        (wire("text", "1"), ("multi", "graders"), "valid dictionary"),
        (
            wire({"a": check()}, "a + b"),
            ("multi", "calculate_output"),
            "character 5: no part is called 'b'",
        ),
        (wire({"a": check()}, "a + )"), ("multi", "calculate_output"), "character 5: ')'"),
        (wire({"a": check()}, 1), ("multi", "calculate_output"), "valid string"),
    ],
)
def test_validation_names_the_place_and_the_right_word(
    grader: Any, place: tuple[str, ...], hint: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        GRADER.validate_python(grader)
    assert [error["loc"] for error in raised.value.errors()] == [place]
    assert hint in raised.value.errors()[0]["msg"]


def test_one_fault_in_each_part_is_one_fault_each() -> None:
    with pytest.raises(ValidationError) as raised:
        GRADER.validate_python(
            wire({"a": check("{{"), "b": check("}}"), "c-d": check()}, "nonsense +")
        )
    assert [error["loc"][2:] for error in raised.value.errors()] == [
        ("a", "string_check", "reference"),
        ("b", "string_check", "reference"),
        ("c-d", "[key]"),
    ]


def test_the_union_takes_every_type_at_the_top_and_all_but_multi_as_a_part() -> None:
    singles = [check(), python("1")]
    for single in [*singles, wire({"a": check()}, "a")]:
        grader = GRADER.validate_python(single)
        assert isinstance(grader, Grader)
        assert grader.type == single["type"]
    for single in singles:
        assert type(make({"a": single}, "a").graders["a"]) is type(GRADER.validate_python(single))


class Strict(Grader):
    """A grader whose `check` has something to say."""

    async def check(self, engines: Any) -> list[str]:
        if self.name == "bad":
            raise InvalidGrader("no such model", param="model" if self.invalid_grade else None)
        return ["a warning"]


def with_strict_part(**fields: Any) -> Multi:
    """A multi whose part `b` is no grader of the wire: `check` is asked of any `Grader`."""
    multi = make({"a": check(), "b": check()}, "a")
    parts = {**multi.graders, "b": Strict(type="strict", **fields)}
    return multi.model_copy(update={"graders": parts})


async def test_check_collects_the_parts_warnings_and_unused_parts() -> None:
    assert await with_strict_part(name="good").check(make_engines()) == [
        "calculate_output does not use b",
        "graders.b: a warning",
    ]


@pytest.mark.parametrize(("invalid_grade", "param"), [(1.0, "graders.b.model"), (0.0, "graders.b")])
async def test_check_names_the_part_at_fault(invalid_grade: float, param: str) -> None:
    with pytest.raises(InvalidGrader) as raised:
        await with_strict_part(name="bad", invalid_grade=invalid_grade).check(make_engines())
    assert (raised.value.param, raised.value.message) == (param, "no such model")
