"""Opens real samplers on fake upstreams, and draws through them."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from grader_service.judge.open import open_llm
from grader_service.judge.sampler import Sampler
from grader_service.sampling.draw import Drawn, draw
from grader_service.sampling.source import parse
from grader_service.settings import Settings
from tests.fakes.upstream import FakeUpstream
from tests.judge.asking import Seen

MODEL = "qwen3-8b"
QUESTION = {"role": "user", "content": "Say {{item.word}}"}


def source(*messages: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """The JSON of a data source that samples, as it stands in a run; `completions` unless `type` is given."""
    written: dict[str, Any] = {
        "type": "completions",
        "source": {"type": "file_id", "id": "file-1"},
        "model": MODEL,
        "input_messages": {"type": "template", "template": list(messages) or [QUESTION]},
    }
    return written | fields


def referring(path: str = "item.messages", **fields: Any) -> dict[str, Any]:
    """The same, with the conversation of the item."""
    reference = {"type": "item_reference", "item_reference": path}
    return source(**{"input_messages": reference, **fields})


@asynccontextmanager
async def sampling(
    upstream: FakeUpstream, seen: Seen | None = None, **settings: Any
) -> AsyncIterator[Sampler]:
    """A real sampler on this upstream, by GRADER_LLM_BASE_URL unless `judges` is given."""
    if "judges" not in settings:
        settings["llm_base_url"] = upstream.base_url
    async with open_llm(Settings(**settings), seen if seen is not None else Seen()) as llm:
        yield llm.sampler


async def drawn(
    upstream: FakeUpstream,
    definition: Mapping[str, Any],
    item: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Drawn:
    """One draw through a sampler of its own."""
    async with sampling(upstream, **settings) as sampler:
        return await draw(parse(definition), item or {"word": "hello"}, sampler)


def file(tmp_path: Path, upstream: FakeUpstream, **limits: Any) -> Path:
    """A file of GRADER_JUDGES with one upstream; `rule` and `price` go to the model, the rest to the upstream."""
    rule = {"upstream": "fake"} | limits.pop("rule", {})
    upstreams = {"fake": {"base_url": upstream.base_url} | limits}
    path = tmp_path / "judges.yaml"
    path.write_text(json.dumps({"upstreams": upstreams, "models": {"*": rule}}))
    return path
