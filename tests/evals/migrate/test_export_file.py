"""Rows that the hosted dashboard lets people download become runs that can be read."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import openai
import pytest

from grader_service.errors import CannotStart
from grader_service.evals.migrate.export_file import ExportFile
from grader_service.settings import Settings
from tests.evals.asking import counts, items_of
from tests.evals.migrate.command import migrated_from
from tests.processes import start
from tests.serving import serving

EXACT, CLOSE = "exact-1f", "close-2f"


def line(run_id: str, number: int, **more: Any) -> dict[str, Any]:
    """Even rows pass."""
    passed = number % 2 == 0
    question = {"role": "user", "content": f"Question {number}"}
    answer = {"role": "assistant", "content": f"Answer {number}", "tool_calls": []}
    return {
        "run_id": run_id,
        "data_source_idx": number,
        "item": {"question": f"Question {number}", "odd": not passed},
        "sample": {
            "trajectory": [question, answer],
            "outputs": [answer],
            "finish_reason": "stop",
            "sampled_model_name": "o4-mini-2025-04-16",
        },
        "grades": {EXACT: float(passed), CLOSE: 0.25 * number},
        "grader_samples": {CLOSE: {"input": [question], "output": [{"content": "0.5"}]}},
        "passes": {EXACT: passed, CLOSE: True},
        **more,
    }


@pytest.fixture
def client(tmp_path: Path) -> Iterator[openai.OpenAI]:
    settings = Settings(sandbox="off", log_level="error", data_dir=tmp_path / "data")
    with (
        serving(settings) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="none") as client,
    ):
        yield client


def migrate(file: Path, lines: list[Any]) -> tuple[int, Any, str]:
    """Exit code, the JSON that a pipe gets (or None), standard error."""
    file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    with start("migrate", "--from", str(file), data_dir=file.parent / "data") as process:
        output, errors = process.communicate(timeout=60)
    return process.returncode, json.loads(output) if output else None, errors


def test_rows_become_items_of_their_runs(tmp_path: Path, client: openai.OpenAI) -> None:
    """In descending order and with two runs in one file; a second time brings nothing anew."""
    ungraded = {"grades": {EXACT: None, CLOSE: 0.5}, "passes": {EXACT: None, CLOSE: True}}
    lines = [line("evalrun_1", number) for number in reversed(range(149))]
    lines += [line("evalrun_1", 149, **ungraded), line("evalrun_2", 0)]
    file = tmp_path / "step_0.jsonl"
    code, answer, errors = migrate(file, lines)
    assert (code, errors, answer["missing"]) == (0, "", [])
    again = migrated_from(nullcontext(ExportFile(file)), {"data_dir": tmp_path / "data"})
    assert again["missing"] == []
    for told, new in ((answer, 151), (again, 0)):
        assert told["counts"]["output items"] == {"source": 151, "here": 151, "new": new}
    assert len(answer["notes"]) == 2
    first, second = (run for each in client.evals.list() for run in client.evals.runs.list(each.id))
    run = first if first.id == "evalrun_1" else second
    assert counts(run) == (150, 75, 74, 1)
    assert run.model == "o4-mini-2025-04-16"
    told = {each.testing_criteria: each.passed for each in run.per_testing_criteria_results}
    assert told == {EXACT: 75, CLOSE: 150}
    items = items_of(client, run)
    assert [each.datasource_item_id for each in items] == list(range(150))
    assert items[3].datasource_item == {"question": "Question 3", "odd": True}
    assert [(each.name, each.passed, each.score) for each in items[3].results] == [
        (EXACT, False, 0.0),
        (CLOSE, True, 0.75),
    ]
    assert items[3].results[1].sample["output"][0]["content"] == "0.5"
    assert [each.content for each in items[3].sample.input] == ["Question 3"]
    assert items[3].sample.output[0].content == "Answer 3"
    assert items[149].status == "error"


@pytest.mark.parametrize(
    ("lines", "hint"),
    [
        ([line("evalrun_1", 0), {"item": {}}], "line 2 of 'export.jsonl' is no row"),
        ([[1]], "line 1"),
    ],
    ids=["keys", "type"],
)
def test_another_file(tmp_path: Path, lines: list[Any], hint: str) -> None:
    file = tmp_path / "export.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    with pytest.raises(CannotStart, match=hint):
        ExportFile(file)


def test_no_file_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with start("migrate", "--from", str(tmp_path / "nowhere"), data_dir=tmp_path) as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, "")
    assert errors.startswith("error: --from: ")
    assert "nowhere" in errors
    assert len(errors.strip().splitlines()) == 1
