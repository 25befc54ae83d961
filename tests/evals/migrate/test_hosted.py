"""Evals come out of a server as the hosted one is, with all that it has and all that it does to a caller."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from grader_service.errors import CannotStart
from grader_service.settings import Settings
from tests.evals.asking import ENDED, inline, items_of, row, wait
from tests.evals.migrate import hosted
from tests.evals.migrate.command import migrated
from tests.evals.migrate.reading import everything, read_by_types
from tests.fakes.evals_source import Content, serving_source
from tests.serving import serving


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Settings of an empty database: SQLite, where a test does not ask for PostgreSQL."""
    if getattr(request, "param", None) == "postgres":
        return {"database_url": request.getfixturevalue("cluster").new_database()}
    return {"data_dir": str(tmp_path / "data")}


BOTH = pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def client(store: dict[str, str]) -> Iterator[openai.OpenAI]:
    """Of a server that runs on the store before anything comes into it."""
    with (
        serving(Settings(sandbox="off", log_level="error", **store)) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


def source_client(source: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=source.base_url, api_key="source-key", max_retries=0)


def counts(answer: Any) -> dict[str, tuple[int, int, int]]:
    """source, here, new"""
    return {
        kind: (found["source"], found["here"], found["new"])
        for kind, found in answer["counts"].items()
    }


@BOTH
def test_all_that_the_source_has_is_told_as_there(
    store: dict[str, str], client: openai.OpenAI
) -> None:
    with serving_source(hosted.CONTENT) as source, source_client(source) as theirs:
        answer = migrated(source.base_url, store)
        expected = everything(theirs)
    assert counts(answer) == {
        "evals": (5, 5, 5),
        "runs": (4, 4, 4),
        "output items": (9, 9, 9),
        "files": (3, 3, 3),
    }
    assert answer["missing"] == []
    found = everything(client)
    assert found["contents"] == expected["contents"]
    for kind in ("evals", "runs", "items", "files"):
        assert len(found[kind]) == len(expected[kind])
        for ours, told in zip(found[kind], expected[kind], strict=True):
            told.pop("report_url", None)
            assert {key: ours.get(key) for key in told} == told
    assert all(each["report_url"].startswith("http://127.0.0.1") for each in found["runs"])
    assert read_by_types(client) == 9


def test_items_come_in_the_order_of_their_rows(
    store: dict[str, str], client: openai.OpenAI
) -> None:
    with serving_source(hosted.CONTENT) as source:
        migrated(source.base_url, store)
    run = client.evals.runs.retrieve("evalrun_1", eval_id="eval_a")
    assert [each.datasource_item_id for each in items_of(client, run)] == [0, 1, 2, 3, 4]
    failed = items_of(client, run, status="fail")
    assert [each.datasource_item["question"] for each in failed] == ["Question 0", "Question 3"]


def test_what_is_not_as_it_was_is_said(store: dict[str, str]) -> None:
    odd = [{**each, "debug": 1} for each in hosted.items("evalrun_1", "eval_a", 5)]
    content = replace(hosted.CONTENT, items={**hosted.CONTENT.items, "evalrun_1": odd})
    with serving_source(content) as source:
        answer = migrated(source.base_url, store)
    assert answer["missing"] == []
    told = {note["id"]: note["reason"] for note in answer["notes"]}
    assert "'scorer'" in told["eval_b"]
    assert "secrets" in told["eval_b"]
    assert "cannot grade" in told["eval_c"]
    assert "logs" in told["eval_d"]
    assert "'debug'" in told["evalrun_1"]
    assert len(answer["notes"]) == 4


@BOTH
def test_a_second_time_brings_nothing_anew(store: dict[str, str], client: openai.OpenAI) -> None:
    with serving_source(hosted.CONTENT) as source:
        first = migrated(source.base_url, store)
        before = everything(client)
        source.asked.clear()
        second = migrated(source.base_url, store)
    assert all(new == 0 for _, _, new in counts(second).values())
    assert [each[:2] for each in counts(second).values()] == [
        each[:2] for each in counts(first).values()
    ]
    assert everything(client) == before
    assert not [path for path, _ in source.asked if "output_items" in path or "content" in path]


def test_throttling_and_broken_connections_lose_nothing(
    store: dict[str, str], client: openai.OpenAI
) -> None:
    trouble = {0: "throttled", 2: "broken", 3: "throttled", 5: "broken", 9: "broken", 12: "broken"}
    quiet_requests = 3 + 5 + 1 + 2 + 1 + 1 + 2 + 2
    """Pages of evals, of runs, of items, of files; contents come last."""
    first_content = quiet_requests + len(trouble)
    trouble |= dict.fromkeys((first_content, first_content + 1), "broken")
    with serving_source(hosted.CONTENT, trouble) as source, source_client(source) as theirs:
        answer = migrated(source.base_url, store)
        asked = [path for path, _ in source.asked]
        expected = everything(theirs)
    assert answer["missing"] == []
    assert asked.count("/files/file-rows/content") > 1, "the content was to break"
    found = everything(client)
    assert found["contents"] == expected["contents"]
    assert [each["id"] for each in found["items"]] == [each["id"] for each in expected["items"]]


@BOTH
def test_what_the_source_keeps_is_named_and_all_else_comes(
    store: dict[str, str], client: openai.OpenAI
) -> None:
    content = Content(
        evals=[
            hosted.custom_eval("eval_a"),
            {**hosted.custom_eval("eval_x"), "testing_criteria": None},
        ],
        runs=[
            hosted.run("evalrun_busy", "eval_a", 3, status="in_progress"),
            hosted.run("evalrun_short", "eval_a", 5),
            hosted.run("evalrun_odd", "eval_a", 2),
            hosted.run("evalrun_whole", "eval_a", 3),
        ],
        items={
            "evalrun_short": hosted.items("evalrun_short", "eval_a", 5)[:3],
            "evalrun_odd": [
                {**each, "datasource_item_id": "one"} if number else each
                for number, each in enumerate(hosted.items("evalrun_odd", "eval_a", 2))
            ],
            "evalrun_whole": hosted.items("evalrun_whole", "eval_a", 3),
        },
        files=[
            hosted.file("file-kept", b"kept"),
            hosted.file("file-secret", b"secret", "assistants"),
            {**hosted.file("file-short", b"all of it"), "bytes": 40},
        ],
        contents={"file-kept": b"kept", "file-short": b"all of it"},
    )
    with serving_source(content) as source:
        answer = migrated(source.base_url, store)
    told = {gap["id"]: gap["reason"] for gap in answer["missing"]}
    assert "testing_criteria" in told["eval_x"]
    assert "still in_progress; run migrate again" in told["evalrun_busy"]
    assert told["evalrun_short"] == "the source counts 5 rows and hands out 3 output items"
    assert "datasource_item_id" in told["outputitem_evalrun_odd_0"]
    assert "1 of the 2" in told["evalrun_odd"]
    assert "purpose: assistants" in told["file-secret"]
    assert told["file-short"] == "the source says it has 40 bytes, and gave 9"
    assert len(told) == len(answer["missing"]) == 7
    assert counts(answer)["runs"][:2] == (4, 3)
    found = everything(client)
    assert [each["id"] for each in found["files"]] == ["file-kept"]
    assert len(found["items"]) == 3 + 1 + 3


def test_runs_that_the_source_keeps_cost_no_other_eval(
    store: dict[str, str], client: openai.OpenAI
) -> None:
    content = replace(
        hosted.CONTENT,
        texts={
            "/evals/eval_a/runs": b'{"data": [1]}',
            "/evals/eval_b/runs/evalrun_4/output_items": b"no",
        },
    )
    with serving_source(content) as source:
        answer = migrated(source.base_url, store)
    told = {gap["id"]: gap["reason"] for gap in answer["missing"]}
    assert told["eval_a"] == "its runs: its answer is no list of objects"
    assert told["evalrun_4"].startswith("its answer is no JSON")
    assert [each["id"] for each in everything(client)["evals"]] == [
        f"eval_{letter}" for letter in "abcde"
    ]


def test_a_run_that_was_cut_short_here_is_told_again(
    store: dict[str, str], client: openai.OpenAI
) -> None:
    """And comes whole once it was deleted."""
    content = Content(
        evals=[hosted.custom_eval("eval_a")],
        runs=[hosted.run("evalrun_1", "eval_a", 5)],
        items={"evalrun_1": hosted.items("evalrun_1", "eval_a", 5)[:2]},
    )
    with serving_source(content) as source:
        migrated(source.base_url, store)
    content = replace(content, items={"evalrun_1": hosted.items("evalrun_1", "eval_a", 5)})
    with serving_source(content) as source:
        (gap,) = migrated(source.base_url, store)["missing"]
        assert gap["reason"].startswith("2 of its 5 output items came with an earlier migration")
        client.evals.runs.delete("evalrun_1", eval_id="eval_a")
        assert migrated(source.base_url, store)["missing"] == []


def test_half_a_character_does_not_cost_its_page(
    store: dict[str, str], client: openai.OpenAI
) -> None:
    items = hosted.items("evalrun_1", "eval_a", 1)
    items[0]["datasource_item"]["question"] = "cut \ud83d"
    content = Content(
        evals=[hosted.custom_eval("eval_a")],
        runs=[hosted.run("evalrun_1", "eval_a", 1)],
        items={"evalrun_1": items},
    )
    with serving_source(content) as source:
        answer = migrated(source.base_url, store)
    assert answer["missing"] == []
    run = client.evals.runs.retrieve("evalrun_1", eval_id="eval_a")
    assert items_of(client, run)[0].datasource_item["question"] == "cut ?"


def test_an_eval_from_elsewhere_runs_here(store: dict[str, str], client: openai.OpenAI) -> None:
    with serving_source(hosted.CONTENT) as source:
        migrated(source.base_url, store)
    run = client.evals.runs.create("eval_a", data_source=inline(row("paris"), row("Rome")))
    assert wait(client, run).status == "completed"
    passed = [each.results[0].passed for each in items_of(client, run)]
    assert passed == [True, False]
    assert {each.results[0].name for each in items_of(client, run)} == {hosted.CRITERION}


def test_an_eval_that_cannot_be_graded_here_is_refused_and_harms_nobody(
    store: dict[str, str], client: openai.OpenAI
) -> None:
    with serving_source(hosted.CONTENT) as source:
        migrated(source.base_url, store)
    with pytest.raises(openai.BadRequestError, match="azure_ai_evaluator"):
        client.evals.runs.create("eval_c", data_source=inline(row("x")))
    run = client.evals.runs.create("eval_d", data_source=inline(row("Paris")))
    assert wait(client, run).status in ENDED


def test_what_came_from_elsewhere_can_be_changed_and_deleted(
    store: dict[str, str], client: openai.OpenAI
) -> None:
    with serving_source(hosted.CONTENT) as source:
        migrated(source.base_url, store)
    changed = client.evals.update("eval_e", name="ours now", metadata={"a": "b"})
    assert (changed.name, changed.metadata) == ("ours now", {"a": "b"})
    assert changed.to_dict()["properties"] == {"hidden": True}
    client.evals.runs.delete("evalrun_1", eval_id="eval_a")
    client.evals.delete("eval_b")
    client.files.delete("file-rows")
    left = everything(client)
    assert [each["id"] for each in left["runs"]] == ["evalrun_2", "evalrun_3"]
    assert [each["id"] for each in left["files"]] == ["file-none", "file-tune"]


def test_headers_that_a_source_shows_are_not_shown_here(
    store: dict[str, str], client: openai.OpenAI
) -> None:
    open_hearted = {**hosted.ENDPOINT, "headers": {"X-Key": "not-for-everybody"}}
    hidden = {**hosted.UNKNOWN, "headers": {"X-Key": "not-for-everybody"}}
    content = Content(
        evals=[hosted.custom_eval("eval_a", open_hearted), hosted.custom_eval("eval_b", hidden)]
    )
    with serving_source(content) as source:
        answer = migrated(source.base_url, store)
    assert "secrets" not in json.dumps(answer["notes"])
    assert "not-for-everybody" not in json.dumps(everything(client))


@pytest.mark.parametrize(
    ("only", "evals", "files"), [("evals", 5, 0), ("files", 0, 3)], ids=["evals", "files"]
)
def test_one_part_alone(store: dict[str, str], only: str, evals: int, files: int) -> None:
    with serving_source(hosted.CONTENT) as source:
        answer = migrated(source.base_url, store, only)
    assert (counts(answer)["evals"][1], counts(answer)["files"][1]) == (evals, files)


@pytest.mark.parametrize(
    ("key", "path", "hint"),
    [
        ("wrong", "", "--key: the source refuses it: 401"),
        ("source-key", "/nowhere", "does not hand out its evals: 404"),
        ("source-key", "", "does not hand out its evals: its answer is no list"),
    ],
    ids=["key", "address", "answer"],
)
def test_a_source_that_is_none(store: dict[str, str], key: str, path: str, hint: str) -> None:
    with (
        serving_source(Content(texts={"/evals": b"[]"})) as source,
        pytest.raises(CannotStart, match=hint) as caught,
    ):
        migrated(source.base_url + path, store, key=key)
    assert key not in str(caught.value)


def test_it_belongs_to_one_tenant(store: dict[str, str]) -> None:
    keys = "ann:key-a,bob:key-b"
    with (
        serving_source(hosted.CONTENT) as source,
        serving(Settings(sandbox="off", log_level="error", **store, api_keys=keys)) as address,
    ):
        for name in ("bob", "ann"):
            answer = migrated(source.base_url, store, tenant=name)
            assert counts(answer)["output items"] == (9, 9, 9)
            with openai.OpenAI(base_url=address, api_key=f"key-{name[0]}") as client:
                assert len(everything(client)["items"]) == 9
                client.evals.delete("eval_a")
