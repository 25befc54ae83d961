"""`data_source` of a run: whether outputs are sampled for it, and how it is shown (evals-api §2.3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from grader_service.errors import RequestRefused
from grader_service.judge.sampler import Sampler
from grader_service.sampling.source import SampledSource, parse


def sampled(data_source: Mapping[str, Any]) -> SampledSource | None:
    """None where the rows bring their outputs: no model is named, and nothing to ask it.

    Raises:
        RequestRefused: 400 with the place in the data source.
    """
    told = [key for key in ("model", "input_messages") if data_source.get(key) is not None]
    if data_source["type"] == "jsonl" or not told:
        return None
    return parse({key: value for key, value in data_source.items() if value is not None})


def check(data_source: Mapping[str, Any], sampler: Sampler) -> list[str]:
    """Warnings for the author.

    Raises:
        RequestRefused: 400 with the place in the body.
    """
    try:
        source = sampled(data_source)
        return [] if source is None else source.check(sampler)
    except RequestRefused as error:
        param = f"data_source.{error.param}" if error.param else "data_source"
        raise RequestRefused(error.message, param=param, code=error.code) from None


def shown(data_source: Mapping[str, Any], rows: Sequence[Any], total: int) -> dict[str, Any]:
    """With what the hosted service fills in; of many rows in a request only the first (`rows`) are there."""
    echo = dict(data_source)
    source = dict(echo["source"])
    if source["type"] == "file_content":
        source["content"] = rows
        if total > len(rows):
            source |= {"content_truncated": True, "content_rows": total}
    echo["source"] = source
    if echo["type"] != "jsonl":
        echo.setdefault("sampling_params", None)
        echo["input_messages"] = _typed(echo.get("input_messages"))
    return echo


def _typed(input_messages: Any) -> Any:
    if not isinstance(input_messages, dict) or input_messages.get("type") != "template":
        return input_messages
    template = [{**message, "type": "message"} for message in input_messages["template"]]
    return {**input_messages, "template": template}
