"""Everything that a server of the Evals and Files APIs has, as the official SDK gets it."""

import json
from typing import Any

import openai


def everything(client: openai.OpenAI) -> dict[str, Any]:
    """Evals, runs and items as they are on the wire, and files with their content."""
    found: dict[str, Any] = {"evals": _all(client.evals.with_raw_response.list)}
    runs = client.evals.runs.with_raw_response
    found["runs"] = [run for each in found["evals"] for run in _all(runs.list, eval_id=each["id"])]
    items = runs.output_items
    found["items"] = [
        item
        for run in found["runs"]
        for item in _all(items.list, run_id=run["id"], eval_id=run["eval_id"])
    ]
    found["files"] = _all(client.files.with_raw_response.list)
    found["contents"] = {
        file["id"]: client.files.content(file["id"]).read() for file in found["files"]
    }
    return found


def _all(read: Any, **query: Any) -> list[dict[str, Any]]:
    """In the order of their ids, for servers differ in theirs."""
    found: list[dict[str, Any]] = []
    more = True
    while more:
        after = {"after": found[-1]["id"]} if found else {}
        page = json.loads(read(**query, **after, limit=100).content)
        found += page["data"]
        more = page["has_more"]
    return sorted(found, key=lambda each: each["id"])


def read_by_types(client: openai.OpenAI) -> int:
    """Go through all objects as the SDK's own classes; returns how many output items there are."""
    count = 0
    for each in client.evals.list():
        assert client.evals.retrieve(each.id).id == each.id
        for run in client.evals.runs.list(each.id):
            counts = client.evals.runs.retrieve(run.id, eval_id=each.id).result_counts
            assert counts.total >= counts.passed
            count += sum(1 for _ in client.evals.runs.output_items.list(run.id, eval_id=each.id))
    return count
