"""Opens real judges on fake upstreams, and grades through them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from grader_service.events import Event
from grader_service.graders import GRADER
from grader_service.graders.context import Context, Engines
from grader_service.graders.result import Result
from grader_service.judge.base import Judge
from grader_service.judge.open import open_llm
from grader_service.settings import Settings
from tests.fakes.engines import make_engines
from tests.fakes.upstream import FakeUpstream

MODEL = "gpt-4o-2024-08-06"
PRICE = {"input": 10.0, "cached": 5.0, "output": 100.0}


class Seen(list[Event]):
    """A listener that remembers."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]


def score_model(**fields: Any) -> dict[str, Any]:
    """The JSON of a score_model grader."""
    definition: dict[str, Any] = {
        "type": "score_model",
        "name": "judged",
        "model": MODEL,
        "input": [{"role": "user", "content": "Rate {{sample.output_text}}"}],
    }
    return definition | fields


def label_model(**fields: Any) -> dict[str, Any]:
    """The JSON of a label_model grader."""
    labels = {"labels": ["good", "bad"], "passing_labels": ["good"]}
    return score_model(type="label_model") | labels | fields


def configuration(tmp_path: Path, upstream: FakeUpstream, **limits: Any) -> Path:
    """A file of GRADER_JUDGES with one upstream that takes every model; `price` and `rule` go to the models."""
    rule = {"upstream": "fake", "price": limits.pop("price", PRICE)} | limits.pop("rule", {})
    path = tmp_path / "judges.yaml"
    upstreams = {"fake": {"base_url": upstream.base_url} | limits}
    path.write_text(json.dumps({"upstreams": upstreams, "models": {"*": rule}, "embedding": rule}))
    return path


@asynccontextmanager
async def judging_at(
    base_url: str, seen: Seen | None = None, **settings: Any
) -> AsyncIterator[Judge]:
    """A real judge on this address, by GRADER_LLM_BASE_URL unless `judges` is given."""
    if "judges" not in settings:
        settings["llm_base_url"] = base_url
    async with open_llm(Settings(**settings), seen if seen is not None else Seen()) as llm:
        yield llm.judge


def judging(
    upstream: FakeUpstream, seen: Seen | None = None, **settings: Any
) -> AbstractAsyncContextManager[Judge]:
    """A real judge on this upstream."""
    return judging_at(upstream.base_url, seen, **settings)


def context(
    judge: Judge, sample: str = "an answer", item: Mapping[str, Any] | None = None, **fields: Any
) -> Context:
    engines: Engines = make_engines(judge=judge)
    return Context(item=item or {}, sample={"output_text": sample}, engines=engines, **fields)


async def grade(judge: Judge, definition: Mapping[str, Any], **fields: Any) -> Result:
    """The definition as JSON would bring it, graded."""
    return await GRADER.validate_python(definition).grade(context(judge, **fields))


async def graded(upstream: FakeUpstream, definition: Mapping[str, Any], **fields: Any) -> Result:
    """One grade through a judge of its own."""
    async with judging(upstream) as judge:
        return await grade(judge, definition, **fields)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that happens in the upstream's thread."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)
