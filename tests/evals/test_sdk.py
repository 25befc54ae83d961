"""The twelve calls of `client.evals` in the official SDK, and what they show."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import openai
import pytest

from tests.definitions import (
    ENDPOINT,
    LABEL_MODEL,
    MULTI,
    PYTHON,
    SCORE_MODEL,
    STRING_CHECK,
    TEXT_SIMILARITY,
)
from tests.evals.asking import CONFIG, counts, inline, items_of, make_eval, row, stored, wait


def test_a_run_from_beginning_to_end(client: openai.OpenAI) -> None:
    made = make_eval(client, STRING_CHECK, {**TEXT_SIMILARITY, "pass_threshold": 0.8})
    run = client.evals.runs.create(
        made.id,
        name="first",
        metadata={"of": "a test"},
        data_source=inline(
            row("Paris", {"output_text": "Paris"}),
            row("Paris", "Pari"),
            row("Paris", "Rome"),
            row("Paris"),
        ),
    )
    assert (run.status, run.per_testing_criteria_results, run.per_model_usage) == (
        "queued",
        None,
        None,
    )
    run = wait(client, run)
    assert run.status == "completed"
    assert (run.name, run.metadata, run.model, run.error) == ("first", {"of": "a test"}, "", None)
    assert counts(run) == (4, 1, 2, 1)
    assert run.shared_with_openai is False
    exact, near = made.testing_criteria
    assert [
        (part.testing_criteria, part.testing_criteria_id, part.passed, part.failed, part.errored)
        for part in run.per_testing_criteria_results
    ] == [(exact.id, exact.id, 1, 2, 1), (near.id, near.id, 2, 1, 1)]
    items = items_of(client, run)
    assert [item.status for item in items] == ["pass", "fail", "fail", "error"]
    assert [item.datasource_item_id for item in items] == [0, 1, 2, 3]
    assert [[result.name for result in item.results] for item in items] == [[exact.id, near.id]] * 4
    assert [[result.passed for result in item.results] for item in items] == [
        [True, True],
        [False, True],
        [False, False],
        [False, False],
    ]


def test_what_cannot_be_judged_has_all_its_results_and_says_why(client: openai.OpenAI) -> None:
    made = make_eval(client)
    run = wait(
        client, client.evals.runs.create(made.id, data_source=inline(row("a"), row("a", "a")))
    )
    missing, fine = (item.to_dict() for item in items_of(client, run))
    (without,), (with_,) = missing["results"], fine["results"]
    assert without.keys() == with_.keys() == {"name", "sample", "passed", "score", "error"}
    assert (without["passed"], without["score"]) == (False, 0.0)
    assert "output_text" in without["error"]
    assert with_["error"] is None
    assert missing["sample"] is None
    assert fine["sample"]["output"] == [{"role": "assistant", "content": "a"}]
    assert fine["sample"].keys() >= {"max_completion_tokens", "max_completions_tokens", "usage"}
    assert re.fullmatch(r"outputitem_[0-9a-f]{32}", fine["id"])
    assert re.fullmatch(r"[0-9a-f]{64}", fine["_datasource_item_content_hash"])
    assert fine["datasource_item"] == {"answer": "a"}


def test_an_eval_can_be_made_shown_listed_changed_and_deleted(client: openai.OpenAI) -> None:
    made = make_eval(client)
    assert re.fullmatch(r"eval_[0-9a-f]{32}", made.id)
    assert client.evals.retrieve(made.id).to_dict() == made.to_dict()
    assert made.id in [found.id for found in client.evals.list()]
    changed = client.evals.update(made.id, metadata={"team": "red"})
    assert (changed.name, changed.metadata) == ("capitals", {"team": "red"})
    changed = client.evals.update(made.id, name="towns")
    assert (changed.name, changed.metadata) == ("towns", {"team": "red"})
    assert client.evals.list(order_by="updated_at", order="desc").data[0].id == made.id
    run = client.evals.runs.create(made.id, data_source=inline(row("a", "a")))
    wait(client, run)
    gone = client.evals.delete(made.id)
    assert (gone.object, gone.deleted, gone.eval_id) == ("eval.deleted", True, made.id)
    for call in (
        lambda: client.evals.retrieve(made.id),
        lambda: client.evals.delete(made.id),
        lambda: client.evals.runs.retrieve(run.id, eval_id=made.id),
        lambda: client.evals.runs.list(made.id),
    ):
        with pytest.raises(openai.NotFoundError):
            call()


def test_the_config_is_shown_as_the_hosted_service_does(client: openai.OpenAI) -> None:
    config = make_eval(client).to_dict()["data_source_config"]
    assert config.keys() == {"type", "schema", "max_items"}
    assert config["schema"]["required"] == ["item", "sample"]
    assert config["schema"]["properties"]["item"] == CONFIG["item_schema"]
    assert "output_tools" in config["schema"]["properties"]["sample"]["properties"]
    plain = client.evals.create(
        data_source_config={"type": "custom", "item_schema": {"type": "object"}},
        testing_criteria=[STRING_CHECK],
    ).to_dict()
    assert plain["data_source_config"]["schema"]["required"] == ["item"]
    assert "include_sample_schema" in plain["warnings"][0]
    logs = client.evals.create(
        data_source_config={"type": "logs", "metadata": {"use": "x"}},
        testing_criteria=[STRING_CHECK],
    ).to_dict()["data_source_config"]
    assert (logs["type"], logs["metadata"]) == ("logs", {"use": "x"})


def test_criteria_get_ids_and_what_the_hosted_service_fills_in(client: openai.OpenAI) -> None:
    sent = {**PYTHON, "image_tag": None, "pass_threshold": 5.0}
    made = client.evals.with_raw_response.create(
        data_source_config=CONFIG, testing_criteria=[sent, MULTI, STRING_CHECK, STRING_CHECK]
    )
    python, multi, first, second = json.loads(made.text)["testing_criteria"]
    assert python["image_tag"] == "2025-05-08"
    assert python["pass_threshold"] == 5.0
    assert multi["graders"] == MULTI["graders"]
    assert UUID(python["id"].removeprefix("code-")).version == 4
    assert first["id"] != second["id"]
    assert first["name"] == second["name"] == "capital"


def test_lists_come_in_pages(client: openai.OpenAI) -> None:
    made = make_eval(client)
    run = wait(
        client,
        client.evals.runs.create(
            made.id, data_source=inline(*(row(str(n), str(n % 4)) for n in range(25)))
        ),
    )
    first = client.evals.runs.output_items.list(run.id, eval_id=made.id, limit=10)
    assert (len(first.data), first.has_more) == (10, True)
    assert first.to_dict()["first_id"] == first.data[0].id
    assert first.to_dict()["last_id"] == first.data[-1].id
    numbers = [item.datasource_item_id for item in items_of(client, run, limit=10)]
    assert numbers == list(range(25))
    assert [
        item.datasource_item_id for item in items_of(client, run, limit=7, order="desc")
    ] == list(range(24, -1, -1))
    passed = [item.datasource_item_id for item in items_of(client, run, limit=1, status="pass")]
    failed = [item.datasource_item_id for item in items_of(client, run, limit=9, status="fail")]
    assert passed == [0, 1, 2, 3]
    assert sorted(passed + failed) == list(range(25))
    assert len(client.evals.runs.output_items.list(run.id, eval_id=made.id, limit=0).data) == 1
    assert len(client.evals.runs.output_items.list(run.id, eval_id=made.id, limit=1000).data) == 25
    runs = [client.evals.runs.create(made.id, data_source=inline(row("a", "a"))) for _ in range(4)]
    ids = [found.id for found in client.evals.runs.list(made.id, limit=2)]
    assert ids == [run.id, *(each.id for each in runs)]
    for each in runs:
        wait(client, each)
    assert len(list(client.evals.runs.list(made.id, status="completed"))) == 5
    assert list(client.evals.runs.list(made.id, status="failed")) == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"after": "evalrun_nowhere"}, "after"),
        ({"after": "\x00"}, "after"),
        ({"order": "up"}, "order"),
        ({"limit": "many"}, "limit"),
        ({"status": "done"}, "status"),
    ],
)
def test_a_query_that_says_nothing(client: openai.OpenAI, query: dict, param: str) -> None:
    made = make_eval(client)
    with pytest.raises(openai.BadRequestError) as caught:
        client.evals.runs.list(made.id, extra_query=query)
    assert caught.value.param == param


def test_a_file_is_graded_line_by_line(client: openai.OpenAI) -> None:
    lines = [row("a", "a"), row("a", "b"), row("ü", {"output_text": "ü"})]
    content = "\ufeff\n" + "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    file = client.files.create(file=("rows.jsonl", content.encode()), purpose="evals")
    made = make_eval(client)
    run = wait(client, client.evals.runs.create(made.id, data_source=stored(file.id)))
    assert counts(run) == (3, 2, 1, 0)
    assert run.data_source.to_dict() == stored(file.id)
    assert [item.datasource_item_id for item in items_of(client, run)] == [0, 1, 2]


def test_a_sample_within_the_item_is_taken_where_there_is_no_other(client: openai.OpenAI) -> None:
    made = make_eval(client)
    within = {"item": {"answer": "a", "sample": {"output_text": "a"}}}
    run = wait(client, client.evals.runs.create(made.id, data_source=inline(within)))
    assert counts(run) == (1, 1, 0, 0)


def test_rows_of_other_types_than_the_schema_are_graded_and_told(client: openai.OpenAI) -> None:
    made = make_eval(client, {**STRING_CHECK, "input": "{{item.answer}}"})
    rows = [row(1), row(True), row("x"), {"item": {"answer": "y", "more.of": 1}}]
    run = wait(client, client.evals.runs.create(made.id, data_source=inline(*rows)))
    assert counts(run) == (4, 4, 0, 0)
    (warning,) = run.warnings
    assert "item.answer" in warning
    assert "rows: 2" in warning


@pytest.mark.parametrize(
    ("criterion", "param"),
    [
        ({**STRING_CHECK, "operation": "neq"}, "testing_criteria[1].operation"),
        ({**STRING_CHECK, "input": "{{ item. }}"}, "testing_criteria[1].input"),
        (TEXT_SIMILARITY, "testing_criteria[1].pass_threshold"),
        ({**PYTHON, "source": "def grad(): pass"}, "testing_criteria[1].source"),
        ({**SCORE_MODEL, "range": [1, 0]}, "testing_criteria[1].range"),
        ({**LABEL_MODEL, "passing_labels": ["x"]}, "testing_criteria[1].passing_labels"),
        ({**ENDPOINT, "url": "ftp://x"}, "testing_criteria[1].url"),
        ({**MULTI, "calculate_output": "exact +"}, "testing_criteria[1].calculate_output"),
        ({"type": "azure_ai_evaluator", "name": "x"}, "testing_criteria[1].type"),
    ],
)
def test_a_broken_criterion_is_refused_with_its_place(
    client: openai.OpenAI, criterion: dict, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        make_eval(client, STRING_CHECK, criterion)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("data_source", "param", "word"),
    [
        ({"type": "csv", "source": {}}, "data_source.type", "'jsonl'"),
        ({"type": "jsonl"}, "data_source.source", "source"),
        (inline(), "data_source.source.content", "no row"),
        (inline({"sample": "x"}), "data_source.source.content[0].item", "item"),
        (inline(row("a"), "a row"), "data_source.source.content[1]", "object"),
        (inline(row("a"), {"item": []}), "data_source.source.content[1].item", "object"),
        (
            inline(row("a"), row("a", 7)),
            "data_source.source.content[1].sample",
            "object or a string",
        ),
        (stored("file-nowhere"), "data_source.source.id", "file-nowhere"),
        (stored("\x00"), "data_source.source.id", "No file"),
        (
            {"type": "completions", "source": {"type": "stored_completions"}},
            "data_source.source",
            "file_content",
        ),
        (
            {"type": "responses", "source": {"type": "responses", "limit": 3}},
            "data_source.source",
            "store of the hosted service",
        ),
        (
            inline(row("a"), type="completions", model="gpt-4.1"),
            "data_source.input_messages",
            "input_messages",
        ),
        (
            inline(
                row("a"),
                type="completions",
                model="gpt-4.1",
                input_messages={
                    "type": "template",
                    "template": [{"role": "user", "content": "{{item.answer}}"}],
                },
            ),
            "data_source.model",
            "GRADER_LLM_BASE_URL",
        ),
    ],
)
def test_a_data_source_that_cannot_be_graded_is_refused(
    client: openai.OpenAI, data_source: dict, param: str, word: str
) -> None:
    made = make_eval(client)
    with pytest.raises(openai.BadRequestError) as caught:
        client.evals.runs.create(made.id, data_source=data_source)
    assert caught.value.param == param
    assert word in str(caught.value)
    assert list(client.evals.runs.list(made.id)) == []
    assert [file for file in client.files.list() if not file.filename] == []


def test_lines_that_are_no_rows_are_told_with_their_numbers(client: openai.OpenAI) -> None:
    content = b'{"item": {}}\n\n{"item"\n[1]\n{"item": {}}\n{"item": 3}\n'
    file = client.files.create(file=("rows.jsonl", content), purpose="evals")
    made = make_eval(client)
    with pytest.raises(openai.BadRequestError) as caught:
        client.evals.runs.create(made.id, data_source=stored(file.id))
    message = str(caught.value)
    assert caught.value.code == "invalid_file"
    assert [word for word in re.findall(r"line \d+", message) if word != "line 1"] == [
        "line 3",
        "line 4",
        "line 6",
    ]


@pytest.mark.parametrize(
    "metadata", [{"k" * 65: "v"}, {"k": "v" * 513}, {str(n): "v" for n in range(17)}, {"k": 1}]
)
def test_metadata_has_bounds(client: openai.OpenAI, metadata: dict) -> None:
    made = make_eval(client)
    with pytest.raises(openai.BadRequestError):
        client.evals.update(made.id, metadata=metadata)
    with pytest.raises(openai.BadRequestError):
        client.evals.runs.create(made.id, metadata=metadata, data_source=inline(row("a", "a")))


@pytest.mark.parametrize(
    "prefix",
    ["", "/v1", "/openai", "/openai/v1", "/openai/deployments", "/openai/deployments/gpt-4.1"],
)
def test_every_prefix_answers(address: str, prefix: str) -> None:
    with openai.OpenAI(base_url=address + prefix, api_key="none", max_retries=0) as client:
        made = make_eval(client)
        run = client.evals.runs.create(made.id, data_source=inline(row("a", "a")))
        run = wait(client, run)
        assert counts(run) == (1, 1, 0, 0)
        assert len(items_of(client, run)) == 1
        assert run.report_url.startswith(f"{address}{prefix}/evals/{made.id}/runs/{run.id}")
        assert httpx.get(run.report_url).status_code == 200
        file = client.files.create(file=b"x", purpose="evals")
        assert client.files.content(file.id).content == b"x"
        assert client.evals.delete(made.id).deleted


@pytest.mark.parametrize("deployment", ["gpt-4.1", None])
def test_azure_clients(address: str, deployment: str | None) -> None:
    """Without a deployment azure-ai-evaluation asks for /openai/deployments/evals (evals-api §0.6)."""
    with openai.AzureOpenAI(
        azure_endpoint=address,
        api_key="none",
        api_version="2025-04-01-preview",
        azure_deployment=deployment or "",
        max_retries=0,
    ) as client:
        made = client.evals.create(
            data_source_config={"type": "custom", "item_schema": {"required": []}},
            testing_criteria=[{**STRING_CHECK, "input": "{{item.answer}}"}],
            metadata={"is_foundry_eval": "true"},
        )
        run = client.evals.runs.create(
            made.id, data_source=inline(row("a")), extra_query={"aoai-evals": "preview"}
        )
        assert counts(wait(client, run)) == (1, 1, 0, 0)


async def test_async_client(address: str) -> None:
    async with openai.AsyncOpenAI(base_url=address + "/v1", api_key="none") as client:
        made = await client.evals.create(data_source_config=CONFIG, testing_criteria=[STRING_CHECK])
        for _ in range(3):
            await client.evals.runs.create(made.id, data_source=inline(row("a", "a")))
        assert len([run async for run in client.evals.runs.list(made.id, limit=1)]) == 3


def test_strange_ids_are_nobodys(address: str) -> None:
    for path in ("/v1/evals/%00", "/v1/evals/%F0%9F%98%80/runs/x", "/v1/files/%00/content"):
        answer = httpx.get(address + path)
        assert answer.status_code == 404, path
    made = httpx.post(
        address + "/v1/evals",
        json={
            "name": "a\x00b",
            "data_source_config": {"type": "custom", "item_schema": {}},
            "testing_criteria": [STRING_CHECK],
        },
    )
    assert made.json()["name"] == "a\x00b"


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "source",
    [
        inline({"item": {"answer": "a"}, "sample": {"x": nested(125), "output_text": "a"}}),
        inline(row("a", "a"), more=nested(128)),
    ],
    ids=["row", "data source"],
)
def test_what_is_nested_as_deep_as_may_be_is_kept_and_graded(
    client: openai.OpenAI, source: dict[str, Any]
) -> None:
    """It lies deeper in what is kept of a run than in what was sent."""
    made = make_eval(client)
    run = client.evals.runs.create(made.id, data_source=source)
    assert [shown.id for shown in client.evals.runs.list(made.id)] == [run.id]
    assert wait(client, run).status == "completed"


def test_a_schema_may_be_nested_as_deep_as_a_body(client: openai.OpenAI) -> None:
    config = {"type": "custom", "item_schema": {"x": nested(125)}}
    made = client.evals.create(data_source_config=config, testing_criteria=[STRING_CHECK])
    assert client.evals.retrieve(made.id).id == made.id
    run = client.evals.runs.create(made.id, data_source=inline(row("a", "a")))
    assert wait(client, run).status == "completed"


def test_an_eval_that_is_deleted_while_a_run_comes(client: openai.OpenAI, address: str) -> None:
    made = make_eval(client)

    def pieces() -> Iterator[bytes]:
        body = json.dumps({"data_source": inline(row("a", "a"))}).encode()
        yield body[:-1]
        time.sleep(0.2)  # the server has found the eval by then, or the answer is the same
        client.evals.delete(made.id)
        yield body[-1:]

    answer = httpx.post(
        f"{address}/v1/evals/{made.id}/runs",
        content=pieces(),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_a_page_of_large_items_is_shorter_and_none_is_left_out(client: openai.OpenAI) -> None:
    """A hundred of the largest rows would be close to a gigabyte in one answer."""
    lines = [json.dumps({"item": {"answer": "a", "x": "x" * 6_000_000}}) for _ in range(5)]
    file = client.files.create(file=("rows.jsonl", "\n".join(lines).encode()), purpose="evals")
    made = make_eval(client, {**STRING_CHECK, "input": "{{item.answer}}"})
    run = wait(client, client.evals.runs.create(made.id, data_source=stored(file.id)))
    page = client.evals.runs.output_items.list(run.id, eval_id=made.id, limit=100)
    assert (len(page.data), page.has_more) == (2, True)
    positions = [item.datasource_item_id for item in items_of(client, run, limit=100)]
    assert positions == [0, 1, 2, 3, 4]
