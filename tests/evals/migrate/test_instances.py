"""From one server of ours to another, with the command as a shell runs it: all is told the same."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import SecretStr

from grader_service.evals.migrate.api_source import Origin, open_source
from grader_service.settings import Settings
from tests.definitions import ENDPOINT, MULTI, PYTHON, SCORE_MODEL, STRING_CHECK
from tests.evals.asking import inline, items_of, make_eval, row, stored, wait
from tests.evals.migrate import hosted
from tests.evals.migrate.command import migrated_from, migrating, told
from tests.evals.migrate.reading import everything
from tests.fakes.evals_source import Content, serving_source
from tests.serving import serving

SOURCE_KEYS = "owner:source-key,other:other-key"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with three runs of one tenant, and one of another."""
    folder = tmp_path_factory.mktemp("source")
    settings = Settings(sandbox="off", log_level="error", data_dir=folder, api_keys=SOURCE_KEYS)
    with serving(settings) as address:
        with openai.OpenAI(base_url=address, api_key="source-key") as client:
            _fill(client)
        with openai.OpenAI(base_url=address, api_key="other-key") as client:
            wait(
                client, client.evals.runs.create(make_eval(client).id, data_source=inline(row("x")))
            )
        yield address


def _fill(client: openai.OpenAI) -> None:
    rows = [{"item": {"answer": "Paris", "n": n}, "sample": f"Paris {n}"} for n in range(230)]
    content = "".join(json.dumps(each) + "\n" for each in rows).encode()
    file = client.files.create(file=("röws.jsonl", content), purpose="evals")
    client.files.create(file=("notes.bin", bytes(range(256)) * 9000), purpose="user_data")
    mixed = make_eval(client, STRING_CHECK, MULTI, PYTHON, SCORE_MODEL, ENDPOINT)
    for data_source in (stored(file.id), inline(row("Paris", "Paris"), row("Rome"))):
        run = client.evals.runs.create(
            mixed.id, data_source=data_source, name="first", metadata={"seed": "7"}
        )
        wait(client, run)
    lone = make_eval(client)
    run = client.evals.runs.create(lone.id, data_source=stored(file.id))
    client.evals.runs.cancel(run.id, eval_id=lone.id)
    wait(client, run)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    settings = Settings(sandbox="off", log_level="error", data_dir=tmp_path, api_keys="me:key")
    with serving(settings) as address:
        yield address, tmp_path


def test_all_is_told_the_same(source: str, target: tuple[str, Path]) -> None:
    address, folder = target
    with migrating(f"{source}/v1", folder, api_keys="me:key") as process:
        code, answer = told(process)
    assert (code, answer["missing"]) == (0, [])
    assert [note["reason"].split(":")[0] for note in answer["notes"]] == [
        "the source masks the headers of its criterion 'remote'"
    ]
    with (
        openai.OpenAI(base_url=source, api_key="source-key") as theirs,
        openai.OpenAI(base_url=address, api_key="key") as ours,
    ):
        expected, found = everything(theirs), everything(ours)
    for objects in (expected, found):
        for each in objects["runs"]:
            assert each.pop("report_url").startswith("http://127.0.0.1")
    assert found == expected
    assert len(found["items"]) >= 232


def test_out_of_an_azure_resource(source: str, tmp_path: Path) -> None:
    """Which is asked under /openai, with an API version."""
    resource = Origin(source, SecretStr("source-key"), "2025-04-01-preview")
    answer = migrated_from(open_source(resource), {"data_dir": tmp_path}, "evals")
    assert answer["missing"] == []
    assert answer["counts"]["runs"] == {"source": 3, "here": 3, "new": 3}


def test_a_killed_migration_goes_on_where_it_was(target: tuple[str, Path]) -> None:
    """What it has copied so far is nobody's to grade, and comes once."""
    address, folder = target
    content = Content(
        evals=[hosted.custom_eval("eval_a")],
        runs=[hosted.run("evalrun_1", "eval_a", 9)],
        items={"evalrun_1": hosted.items("evalrun_1", "eval_a", 9)},
    )
    with (
        serving_source(content, {4: "hanging"}) as source,
        openai.OpenAI(base_url=address, api_key="key") as ours,
    ):
        with migrating(source.base_url, folder, api_keys="me:key"):
            assert source.hangs.wait(60)  # and then it is killed
        source.go_on()
        time.sleep(1.5)  # a server would have taken a run that is free
        run = ours.evals.runs.retrieve("evalrun_1", eval_id="eval_a")
        assert run.status == "in_progress"
        halfway = items_of(ours, run)
        assert 0 < len(halfway) < 9
        source.asked.clear()
        with migrating(source.base_url, folder, api_keys="me:key") as process:
            code, answer = told(process)
        asked = [after for path, after in source.asked if path.endswith("output_items")]
        run = ours.evals.runs.retrieve("evalrun_1", eval_id="eval_a")
        assert run.status == "completed"
        assert [each.datasource_item_id for each in items_of(ours, run)] == list(range(9))
    assert code == 0
    assert answer["counts"]["output items"] == {"source": 9, "here": 9, "new": 9 - len(halfway)}
    assert asked[0] == f"outputitem_evalrun_1_{9 - len(halfway)}"


def test_a_run_cancelled_while_it_is_copied_is_named(target: tuple[str, Path]) -> None:
    address, folder = target
    content = Content(
        evals=[hosted.custom_eval("eval_a")],
        runs=[hosted.run("evalrun_1", "eval_a", 9)],
        items={"evalrun_1": hosted.items("evalrun_1", "eval_a", 9)},
    )
    with (
        serving_source(content, {4: "hanging"}) as source,
        openai.OpenAI(base_url=address, api_key="key") as ours,
        migrating(source.base_url, folder, api_keys="me:key") as process,
    ):
        assert source.hangs.wait(60)
        ours.evals.runs.cancel("evalrun_1", eval_id="eval_a")
        source.go_on()
        code, answer = told(process)
    assert code == 1
    assert answer["missing"][0]["reason"].startswith("was cancelled, deleted or")


def test_whose_the_copies_are_must_be_said(tmp_path: Path) -> None:
    """One tenant may have two keys, and the keys may stand in a file."""
    (tmp_path / "keys").write_text("ann:a\nann:b\nbob:c\n")
    with migrating("http://127.0.0.1:9/v1", tmp_path, api_keys_file=tmp_path / "keys") as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, "")
    assert errors == "error: --tenant: say whose the copies shall be: ann, bob\n"


def test_a_terminal_shows_a_table_and_what_is_missing(tmp_path: Path) -> None:
    content = Content(
        evals=[hosted.custom_eval("eval_a"), hosted.custom_eval("eval_b", hosted.ENDPOINT)],
        runs=[hosted.run("evalrun_[b]", "eval_a", 3, status="queued")],
    )
    ours, theirs = pty.openpty()
    with serving_source(content) as source, os.fdopen(ours, "rb", buffering=0) as screen:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "grader_service", "migrate"),
                *("--from", source.base_url, "--key", "source-key"),
            ],
            env={**os.environ, "GRADER_DATA_DIR": str(tmp_path), "TERM": "xterm", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        while chunk := _read(screen):
            shown += chunk
        assert process.wait(60) == 1
    words = shown.decode()
    assert "missing: run evalrun_[b]: is still queued; run migrate again when it is done" in words
    assert "note: eval eval_b: the source masks the headers of its criterion 'scorer'" in words
    assert "output items" in words


def _read(screen: Any) -> bytes:
    try:
        return screen.read(65536)
    except OSError:  # Linux: the other side is closed
        return b""
