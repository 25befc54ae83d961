"""Engines for tests: no sandbox, no judge, a scripted similarity, and a list of what was observed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grader_service.endpoints.off import NoEndpoints
from grader_service.events import Graded
from grader_service.graders.context import Context, Engines
from grader_service.graders.source import Sources
from grader_service.judge.off import NoJudge, NoSampler
from grader_service.sandbox.off import NoSandbox
from grader_service.settings import MEBIBYTE
from grader_service.workers import Workers

NO_SANDBOX = "no sandbox in this test"


@dataclass
class ScriptedSimilarity:
    """Answers with the given values in their order, and fails loudly when asked more often."""

    values: list[float] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def compare(self, metric: str, hypothesis: str, reference: str) -> float:
        self.asked.append((metric, hypothesis, reference))
        if not self.values:
            raise AssertionError(f"nothing scripted for {self.asked[-1]!r}")
        return self.values.pop(0)


@dataclass
class Observed:
    """A listener that remembers; `Engines.observe` of one."""

    events: list[Graded] = field(default_factory=list)

    def __call__(self, event: Graded) -> None:
        self.events.append(event)


def make_engines(**overrides: Any) -> Engines:
    """Any of `similarity`, `sandbox`, `judge`, `sampler`, `observe` can be given."""
    engines: dict[str, Any] = {
        "similarity": ScriptedSimilarity(),
        "sandbox": NoSandbox(NO_SANDBOX),
        "judge": NoJudge(),
        "sampler": NoSampler(),
        "endpoints": NoEndpoints(),
        "sources": Sources(Workers(1, 256 * MEBIBYTE, start_seconds=30)),
        "observe": Observed(),
    }
    return Engines(**{**engines, **overrides})


def make_context(
    item: Mapping[str, Any] | None = None,
    sample: Mapping[str, Any] | str = "",
    **overrides: Any,
) -> Context:
    """A context whose `sample` may be the bare text; engines and fields of `Context` by name."""
    if isinstance(sample, str):
        sample = {"output_text": sample, "output_json": None, "output_tools": []}
    fields = {
        key: overrides.pop(key)
        for key in ("tenant", "trace_id", "catalogue", "part")
        if key in overrides
    }
    engines = overrides.pop("engines", None) or make_engines(**overrides)
    return Context(item=item or {}, sample=sample, engines=engines, **fields)
