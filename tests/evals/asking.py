"""Evals and runs as the official SDK makes them."""

import time
from typing import Any

import openai

from tests.definitions import STRING_CHECK

CONFIG: dict[str, Any] = {
    "type": "custom",
    "item_schema": {
        "type": "object",
        "properties": {"answer": {"type": "string"}},
        "required": ["answer"],
    },
    "include_sample_schema": True,
}
ENDED = ("completed", "failed", "canceled")
WAIT_SECONDS = 60


def row(answer: Any, sample: Any = None) -> dict[str, Any]:
    """A row of a data source; without a sample where there is none."""
    return {"item": {"answer": answer}} | ({} if sample is None else {"sample": sample})


def inline(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A jsonl data source with its rows in the request."""
    source = {"type": "file_content", "content": list(rows)}
    return {"type": "jsonl", "source": source, **more}


def stored(file_id: str) -> dict[str, Any]:
    """A jsonl data source in a file."""
    return {"type": "jsonl", "source": {"type": "file_id", "id": file_id}}


def make_eval(client: openai.OpenAI, *criteria: dict[str, Any]) -> Any:
    """An eval with a string_check, or with these criteria."""
    return client.evals.create(
        name="capitals",
        data_source_config=CONFIG,
        testing_criteria=list(criteria or (STRING_CHECK,)),
    )


def wait(client: openai.OpenAI, run: Any) -> Any:
    """The run at its end."""
    end = time.monotonic() + WAIT_SECONDS
    while run.status not in ENDED:
        assert time.monotonic() < end, f"the run is still {run.status}: {run.result_counts}"
        time.sleep(0.02)
        run = client.evals.runs.retrieve(run.id, eval_id=run.eval_id)
    return run


def items_of(client: openai.OpenAI, run: Any, **query: Any) -> list[Any]:
    """All output items, over as many pages as there are."""
    return list(client.evals.runs.output_items.list(run.id, eval_id=run.eval_id, **query))


def counts(run: Any) -> tuple[int, int, int, int]:
    """total, passed, failed, errored"""
    found = run.result_counts
    return found.total, found.passed, found.failed, found.errored
