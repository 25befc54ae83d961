"""The folder of graders: faults with file and line at start, edits while it serves."""

import asyncio
import json
import os
import time
from pathlib import Path

import httpx
import pytest

from grader_service.app import create_app
from grader_service.errors import CannotStart
from grader_service.settings import Settings
from tests.definitions import STRING_CHECK
from tests.serving import serving


def settings(folder: Path) -> Settings:
    return Settings(catalogue=folder, sandbox="off", log_level="error")


async def start(folder: Path) -> None:
    app = create_app(settings(folder))
    async with app.router.lifespan_context(app):
        pass


FAULTS = [
    ("a.json", '{\n  "type": "string_check",\n  "operation": \n}', "a.json:4: "),
    ("a.json", json.dumps({**STRING_CHECK, "operation": "neq"}, indent=2), "a.json:4: "),
    ("a.json", json.dumps({**STRING_CHECK, "operation": "neq"}, indent="\t"), "a.json:4: "),
    ("a.yaml", "type: string_check\noperation: eq\ninput: '{{x}}'\nreference: a\n", "a.yaml:3: "),
    ("a.yaml", "type: string_check\n  operation: eq\n", "a.yaml:2: "),
    ("a.yaml", "type: string_check\noperation: eq\ninput: a\nreference: 2024-01-01\n", "JSON"),
    ("a.yaml", "", "a.yaml:1: Invalid type: expected an object"),
    ("a.json", "{}", "a.json:1: Missing required parameter: 'type'"),
    ("a b.json", json.dumps(STRING_CHECK), "a b.json:1: "),
]


WRONG = "type: string_check\noperation: neq\ninput: a\nreference: a\n"
UNUSUAL = [
    # JSON takes these characters and keys, the YAML parser that finds the line does not
    ("a.json", json.dumps({**STRING_CHECK, "operation": "neq", "x": "\x7f"}, ensure_ascii=False)),
    ("a.json", json.dumps({"k" * 2000: 1, **STRING_CHECK, "operation": "neq"})),
    ("a.yaml", WRONG.encode("utf-16")),
    ("a.yaml", WRONG + "x: " + "[" * 5000 + "]" * 5000),
    ("a.yaml", WRONG + "x: &x [*x]"),
]


@pytest.mark.parametrize(("name", "content"), UNUSUAL)
async def test_an_unusual_file_is_a_fault_like_any_other(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CannotStart) as caught:
        await start(tmp_path)
    assert str(caught.value).splitlines()[1].startswith(f"{name}:")


async def test_a_pipe_does_not_hold_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(CannotStart, match=r"a\.json:1: cannot be read: it is no plain file"):
        await start(tmp_path)


async def test_aliases_are_followed_within_bounds(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: &x eq\n" + WRONG.replace("neq", "*x"))
    await start(tmp_path)
    levels = "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(9))
    (tmp_path / "b.yaml").write_text(f"a0: &a0 {'x' * 100}\n{levels}")
    with pytest.raises(CannotStart, match=r"b\.yaml:1: .*aliases"):
        await start(tmp_path)


@pytest.mark.parametrize(("name", "text", "start_of_fault"), FAULTS)
async def test_a_fault_at_start_has_file_and_line(
    tmp_path: Path, name: str, text: str, start_of_fault: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(CannotStart) as caught:
        await start(tmp_path)
    assert start_of_fault in str(caught.value).splitlines()[1]


async def test_every_fault_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"type": "string_check", "operation": "eq"}')
    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "b.yaml").write_text("{}")
    with pytest.raises(CannotStart) as caught:
        await start(tmp_path)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()[1:]] == [
        "a.json",
        "a.json",
        "b.json",
        "b.yaml",
    ]


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="GRADER_CATALOGUE"):
        await start(tmp_path / "nowhere")


async def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / "._capital.json").write_bytes(b"what macOS leaves on foreign disks")
    await start(tmp_path)


def eventually(client: httpx.Client, path: str, wanted) -> dict:
    """What `path` says once `wanted` holds of it, within ten seconds."""
    end = time.monotonic() + 10
    while True:
        found = client.get(path).json()
        if wanted(found) or time.monotonic() > end:
            return found
        time.sleep(0.05)


def test_edits_are_followed_and_a_bad_one_keeps_the_last_good_version(tmp_path: Path) -> None:
    file = tmp_path / "capital.json"
    file.write_text(json.dumps(STRING_CHECK))
    asked = {"sample": {"output_text": "paris"}, "item": {"answer": "Paris"}}
    with serving(settings(tmp_path)) as address, httpx.Client(base_url=address) as client:

        def score() -> float:
            answer = client.post("/graders/capital", json=asked)
            assert answer.status_code == 200
            return answer.json()["score"]

        first = client.get("/graders/capital").json()["hash"]
        assert score() == 0.0

        file.write_text(json.dumps({**STRING_CHECK, "operation": "ilike"}))
        changed = eventually(client, "/graders/capital", lambda shown: shown["hash"] != first)
        assert changed["grader"]["operation"] == "ilike"
        assert score() == 1.0

        file.write_text(json.dumps({**STRING_CHECK, "operation": "contains"}))
        ready = eventually(client, "/readyz", lambda ready: ready["status"] == "degraded")
        assert ready["catalogue"]["faults"][0].startswith("capital.json:1: ")
        assert "grader_catalogue_faults 1.0" in client.get("/metrics").text
        assert score() == 1.0

        file.write_text(json.dumps(STRING_CHECK))
        ready = eventually(client, "/readyz", lambda ready: ready["status"] == "ready")
        assert ready["catalogue"] == {"graders": 1, "faults": []}
        assert score() == 0.0

        file.unlink()
        ready = eventually(client, "/readyz", lambda ready: ready["catalogue"]["graders"] == 0)
        assert client.post("/graders/capital", json=asked).status_code == 404


def test_a_broken_link_hides_no_edits(tmp_path: Path) -> None:
    """Editors keep locks as links to nowhere; other links break when what they name is gone."""
    file = tmp_path / "capital.json"
    file.write_text(json.dumps(STRING_CHECK))
    with serving(settings(tmp_path)) as address, httpx.Client(base_url=address) as client:
        (tmp_path / ".#capital.json").symlink_to("user@host.1234")
        (tmp_path / "before.json").symlink_to(tmp_path / "gone.json")
        ready = eventually(client, "/readyz", lambda ready: ready["status"] == "degraded")
        assert ready["catalogue"]["faults"] == [
            "before.json:1: cannot be read: No such file or directory"
        ]
        first = client.get("/graders/capital").json()["hash"]
        file.write_text(json.dumps({**STRING_CHECK, "operation": "ilike"}))
        changed = eventually(client, "/graders/capital", lambda shown: shown["hash"] != first)
        assert changed["grader"]["operation"] == "ilike"


async def test_an_edit_while_the_server_starts_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "capital.json"
    file.write_text(json.dumps(STRING_CHECK))
    app = create_app(settings(tmp_path))
    async with app.router.lifespan_context(app) as state:
        file.write_text(json.dumps({**STRING_CHECK, "operation": "ilike"}))
        first = state["catalogue"].entries["capital"]
        end = time.monotonic() + 10
        while state["catalogue"].entries["capital"] is first and time.monotonic() < end:
            await asyncio.sleep(0.05)
        assert state["catalogue"].entries["capital"].grader.spelled["operation"] == "ilike"


def test_an_edit_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    """As copies that preserve times do."""
    file = tmp_path / "capital.json"
    file.write_text(json.dumps(STRING_CHECK))
    state = file.stat()
    with serving(settings(tmp_path)) as address, httpx.Client(base_url=address) as client:
        first = client.get("/graders/capital").json()["hash"]
        with file.open("r+") as opened:
            opened.write(json.dumps({**STRING_CHECK, "operation": "ne"}))
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
        changed = eventually(client, "/graders/capital", lambda shown: shown["hash"] != first)
        assert changed["grader"]["operation"] == "ne"
