"""`grade` as a shell runs it: samples in every spelling, records that survive a stop, exit codes."""

import contextlib
import fcntl
import io
import json
import os
import pty
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grader_service.cli import main
from grader_service.errors import SandboxUnavailable
from grader_service.settings import Settings
from tests.definitions import ITEM, PYTHON, STRING_CHECK, TEXT_SIMILARITY
from tests.fakes import upstream as fake
from tests.fakes.sandbox import Gate, ScriptedSandbox
from tests.fakes.upstream import serving_upstream
from tests.opening import opening
from tests.processes import start
from tests.serving import serving

QUIET: dict[str, Any] = {"sandbox": "off", "log_level": "error"}
RIGHT = {"item": ITEM, "sample": "Paris"}
WRONG = {"item": ITEM, "sample": "Rome"}


def command(*arguments: object, **settings: Any) -> tuple[int, dict, str]:
    """Exit code, what was written to standard output as JSON, standard error.

    It is the console script, called here: the start of a process takes most of its time.
    """
    output, errors = io.StringIO(), io.StringIO()
    named = {f"GRADER_{name.upper()}": value for name, value in settings.items()}
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        patch.setattr(sys, "argv", ["grader-service", "grade", *map(str, arguments)])
        for name, value in {"GRADER_SANDBOX": "off", **named}.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
    told = output.getvalue()
    return int(ended.value.code or 0), json.loads(told) if told else {}, errors.getvalue()


def lines(path: Path, *values: Any) -> Path:
    """A JSONL file; strings that begin with `!` are raw lines."""
    path.write_text(
        "".join(
            (value[1:] if str(value).startswith("!") else json.dumps(value)) + "\n"
            for value in values
        )
    )
    return path


def records(path: Path) -> dict[tuple[int, int], dict]:
    """By (index, n); none may be there twice."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    keyed = {(record["index"], record["n"]): record for record in found}
    assert len(keyed) == len(found)
    return keyed


def rewards(path: Path) -> dict[tuple[int, int], float]:
    return {place: record["reward"] for place, record in records(path).items()}


@pytest.fixture
def grader(tmp_path: Path) -> Path:
    return lines(tmp_path / "grader.json", STRING_CHECK)


def test_rows_with_samples(tmp_path: Path, grader: Path) -> None:
    data = lines(tmp_path / "rows.jsonl", RIGHT, WRONG, {"item": {}, "sample": "Paris"})
    out = tmp_path / "out.jsonl"
    code, told, errors = command(grader, "--data", data, "--output", out)
    assert (code, errors) == (0, "")
    assert told["summary"] == {
        "graded": 3,
        "value": 2,
        "invalid": 1,
        "failed": 0,
        "refused": 0,
        "mean": 0.5,
        "mean_with_invalid": 1 / 3,
        "causes": {"variable_missing": 1},
    }
    assert (told["output"], told["resumed"]) == (str(out), 0)
    found = records(out)
    assert [found[index, 0]["state"] for index in range(3)] == ["value", "value", "invalid"]
    assert found[0, 0]["item"] == ITEM
    assert found[0, 0]["sample"]["output_text"] == "Paris"


def test_without_an_output_there_is_a_summary_alone(tmp_path: Path, grader: Path) -> None:
    data = lines(tmp_path / "rows.jsonl", RIGHT)
    before = set(tmp_path.iterdir())
    code, told, _ = command(grader, "--data", data)
    assert (code, told["summary"]["mean"], told["output"]) == (0, 1.0, None)
    assert set(tmp_path.iterdir()) == before


SPELLINGS: dict[str, tuple[tuple[Any, ...], int, dict[tuple[int, int], float]]] = {
    "strings": (("Paris", "Rome"), 1, {(0, 0): 1, (1, 0): 0}),
    "namespaces": (
        ({"output_text": "Rome"}, {"output_text": "Oslo"}),
        1,
        {(0, 0): 0, (1, 0): 1},
    ),
    "several of each row": (
        ("Paris", "Rome", "Rome", {"sample": "Oslo"}),
        2,
        {(0, 0): 1, (0, 1): 0, (1, 0): 0, (1, 1): 1},
    ),
    "told whose they are": (
        (
            {"index": 1, "sample": "Oslo"},
            {"index": 0, "sample": {"output_text": "Paris"}},
            {"index": 1, "sample": "Rome"},
        ),
        1,
        {(1, 0): 1, (0, 0): 1, (1, 1): 0},
    ),
    "told which they are": (
        ({"index": 1, "n": 7, "sample": "Oslo"}, {"index": 1, "n": 2, "sample": "Rome"}),
        1,
        {(1, 7): 1, (1, 2): 0},
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_samples_of_a_file_of_their_own(tmp_path: Path, grader: Path, spelling: str) -> None:
    given, n, expected = SPELLINGS[spelling]
    data = lines(tmp_path / "rows.jsonl", {"answer": "Paris"}, {"item": {"answer": "Oslo"}})
    samples = lines(tmp_path / "samples.jsonl", *given)
    out = tmp_path / "out.jsonl"
    code, _, errors = command(
        grader, "--data", data, "--samples", samples, "--n", n, "--output", out
    )
    assert (code, errors) == (0, "")
    assert rewards(out) == expected


def test_records_are_samples_for_another_grader(tmp_path: Path, grader: Path) -> None:
    data = lines(tmp_path / "rows.jsonl", RIGHT, WRONG)
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    command(grader, "--data", data, "--output", first)
    other = lines(tmp_path / "other.json", TEXT_SIMILARITY)
    code, _, _ = command(other, "--data", data, "--samples", first, "--output", second)
    assert code == 0
    assert rewards(second)[0, 0] == 1.0
    assert 0 < rewards(second)[1, 0] < 1


def test_lines_that_cannot_be_read_are_named_and_lose_nothing_else(
    tmp_path: Path, grader: Path
) -> None:
    data = lines(tmp_path / "rows.jsonl", "!{", ITEM, "!", {"item": 3}, ITEM)
    samples = lines(
        tmp_path / "samples.jsonl",
        *("Paris", "Paris", "Paris", {"sample": 3}, 7, "![", {"index": -1, "sample": "x"}),
        *({"index": 9, "sample": "x"}, {"index": 1, "n": 0, "sample": "x"}),
        {"index": 3, "sample": "Paris"},
    )
    code, told, errors = command(grader, "--data", data, "--samples", samples)
    assert code == 1
    assert (told["summary"]["value"], told["summary"]["refused"]) == (2, 8)
    places = [line.split(": ")[0] for line in errors.splitlines()]
    assert places == [
        "rows.jsonl:1",
        "rows.jsonl:4",
        *(f"samples.jsonl:{number}" for number in range(4, 10)),
    ]
    code, _, errors = command(grader, "--data", lines(tmp_path / "more.jsonl", *["!{"] * 30))
    assert code == 1
    assert len(errors.splitlines()) == 21
    assert errors.splitlines()[-1].startswith("and 10 more")


def test_rows_without_samples_say_what_to_do(tmp_path: Path, grader: Path) -> None:
    code, _, errors = command(grader, "--data", lines(tmp_path / "rows.jsonl", ITEM))
    assert code == 1
    assert "--samples" in errors


def test_no_reward_at_all_is_exit_code_1(tmp_path: Path, grader: Path) -> None:
    data = lines(tmp_path / "rows.jsonl", {"item": {}, "sample": "Paris"})
    assert command(grader, "--data", data)[0] == 1


def test_a_second_run_goes_on(tmp_path: Path, grader: Path) -> None:
    data = lines(tmp_path / "rows.jsonl", *[RIGHT, WRONG] * 5)
    out = tmp_path / "out.jsonl"
    assert command(grader, "--data", data, "--output", out, "--limit", 4)[0] == 0
    assert len(records(out)) == 4
    first = out.read_text()
    code, told, _ = command(grader, "--data", data, "--output", out)
    assert (code, told["resumed"], told["summary"]["graded"]) == (0, 4, 10)
    assert out.read_text().startswith(first)
    assert sum(rewards(out).values()) == 5
    assert told["summary"]["mean"] == 0.5


def test_torn_lines_are_taken_out_and_graded_again(tmp_path: Path, grader: Path) -> None:
    data = lines(tmp_path / "rows.jsonl", *[RIGHT] * 5)
    out = tmp_path / "out.jsonl"
    command(grader, "--data", data, "--output", out, "--limit", 4)
    whole = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(whole[0] + b"\0\0\n" + whole[2] + whole[3][:40])
    code, told, _ = command(grader, "--data", data, "--output", out)
    assert (code, told["resumed"]) == (0, 2)
    assert len(records(out)) == 5


@pytest.mark.parametrize(
    ("other", "hint"),
    [
        ("grader", "another grader"),
        ("data", "another data file"),
        ("samples", "another samples file"),
        ("foreign", "was not written by `grade`"),
        ("used", "is being written by another"),
    ],
)
def test_records_of_something_else_are_never_mixed(
    tmp_path: Path, grader: Path, other: str, hint: str
) -> None:
    data = lines(tmp_path / "rows.jsonl", RIGHT)
    samples = lines(tmp_path / "samples.jsonl", "Paris")
    out = tmp_path / "out.jsonl"
    arguments = [grader, "--data", data, "--samples", samples, "--output", out]
    assert command(*arguments)[0] == 0
    before = out.read_bytes()
    beside = out.with_name("out.jsonl.run")
    if other == "foreign":
        beside.unlink()
    elif other == "grader":
        lines(grader, {**STRING_CHECK, "operation": "ne"})
    elif other == "data":
        lines(data, RIGHT, RIGHT)
    elif other == "samples":
        lines(samples, "Rome")
    with beside.open("ab") as held:
        if other == "used":
            fcntl.flock(held, fcntl.LOCK_EX)
        code, told, errors = command(*arguments)
    assert (code, told) == (2, {})
    assert hint in errors
    assert len(errors.splitlines()) == 1
    assert out.read_bytes() == before


def test_samples_of_a_file_are_never_taken_for_the_rows_own(tmp_path: Path, grader: Path) -> None:
    data = lines(tmp_path / "rows.jsonl", RIGHT)
    samples = lines(tmp_path / "samples.jsonl", "Rome")
    out = tmp_path / "out.jsonl"
    arguments = [grader, "--data", data, "--output", out]
    assert command(*arguments, "--samples", samples)[0] == 0
    code, told, errors = command(*arguments)
    assert (code, told) == (2, {})
    assert "another samples file and another number n" in errors


def test_the_last_record_is_never_torn_in_silence(tmp_path: Path, grader: Path) -> None:
    """Where there is room for a part of it, writing that part is no error yet."""
    data = lines(tmp_path / "rows.jsonl", RIGHT, WRONG)
    out = tmp_path / "out.jsonl"
    command(grader, "--data", data, "--output", tmp_path / "whole.jsonl")
    room = (tmp_path / "whole.jsonl").stat().st_size - 100
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        code, told, errors = command(grader, "--data", data, "--output", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (code, told) == (2, {})
    assert "cannot be written" in errors
    code, told, _ = command(grader, "--data", data, "--output", out)
    assert (code, told["resumed"], told["summary"]["value"]) == (0, 1, 2)


def test_a_graders_name_and_spacing_are_no_other_grader(tmp_path: Path, grader: Path) -> None:
    data = lines(tmp_path / "rows.jsonl", RIGHT)
    out = tmp_path / "out.jsonl"
    command(grader, "--data", data, "--output", out)
    grader.write_text(json.dumps({**STRING_CHECK, "name": "renamed"}, indent=4))
    code, told, _ = command(grader, "--data", data, "--output", out)
    assert (code, told["resumed"]) == (0, 1)


def test_what_failed_is_graded_again(tmp_path: Path) -> None:
    grader = lines(tmp_path / "grader.json", PYTHON)
    data = lines(tmp_path / "rows.jsonl", *[RIGHT] * 3)
    out = tmp_path / "out.jsonl"
    sandbox = ScriptedSandbox([1.0, SandboxUnavailable("away"), 0.5, 0.25])
    with serving(Settings(**QUIET), opening(sandbox=sandbox)) as address:
        arguments = [grader, "--data", data, "--output", out, "--server", address]
        code, told, _ = command(*arguments)
        assert code == 1
        assert told["summary"]["causes"] == {"sandbox_unavailable": 1}
        code, told, _ = command(*arguments)
    assert (code, told["resumed"], told["summary"]["failed"]) == (0, 2, 0)
    assert sorted(rewards(out).values()) == [0.25, 0.5, 1.0]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[list[object], Path, Gate]]:
    """The command of a grading that stops at a gate after 30 of 40 samples, and its output."""
    grader = lines(tmp_path / "grader.json", PYTHON)
    data = lines(tmp_path / "rows.jsonl", *[RIGHT] * 40)
    out = tmp_path / "out.jsonl"
    gate = Gate()
    sandbox = ScriptedSandbox([*[1.0] * 30, *[gate] * 50])
    settings = Settings(batch_concurrency=1, **QUIET)
    with serving(settings, opening(sandbox=sandbox)) as address:
        yield [grader, "--data", data, "--output", out, "--server", address], out, gate
        gate.open()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_stop_at_any_time_leaves_what_can_go_on(held, how: signal.Signals) -> None:
    arguments, out, gate = held
    process = start("grade", *map(str, arguments))
    while not out.exists() or out.read_bytes().count(b"\n") < 30:
        assert process.poll() is None
    process.send_signal(how)
    output, errors = process.communicate(timeout=30)
    if how == signal.SIGINT:
        assert (process.returncode, output) == (130, "")
        assert "run the same command again" in errors
        assert len(errors.splitlines()) == 1
        assert len(records(out)) == 30
    gate.open()
    code, told, _ = command(*arguments)
    assert code == 0
    assert told["resumed"] == 30
    assert len(records(out)) == 40


def test_parquet(tmp_path: Path, grader: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    data = lines(tmp_path / "rows.jsonl", RIGHT, {"item": {}, "sample": "Paris"}, WRONG)
    out = tmp_path / "out.parquet"
    command(grader, "--data", data, "--output", out, "--limit", 2)
    assert parquet.read_table(out).num_rows == 2
    code, told, _ = command(grader, "--data", data, "--output", out)
    assert (code, told["resumed"]) == (0, 2)
    found = {row["index"]: row for row in parquet.read_table(out).to_pylist()}
    assert [found[index]["reward"] for index in range(3)] == [1.0, 0.0, 0.0]
    assert found[1]["causes"][0]["kind"] == "variable_missing"
    assert json.loads(found[0]["item"]) == ITEM
    assert json.loads(found[0]["sample"])["output_text"] == "Paris"


MODEL = "qwen3-8b"
ASKED = {"messages": [{"role": "user", "content": "Which capital?"}], "answer": "Paris"}


def asking(tmp_path: Path, *rows: Any) -> list[object]:
    grader = lines(tmp_path / "grader.json", STRING_CHECK)
    data = lines(tmp_path / "rows.jsonl", *rows)
    return [grader, "--data", data, "--output", tmp_path / "out.jsonl", "--model", MODEL]


def test_a_model_is_asked_for_outputs(tmp_path: Path) -> None:
    arguments = asking(tmp_path, ASKED, {"answer": "Paris"}, {**ASKED, "answer": "Oslo"})
    asked = [*arguments, "--sampling-params", '{"temperature": 0.5, "seed": 7}']
    with serving_upstream(*[fake.completion("Paris")] * 4) as upstream:
        code, told, errors = command(*asked, llm_base_url=upstream.base_url)
        assert (code, errors) == (0, "")
        assert told["summary"]["causes"] == {"variable_missing": 1}
        code, told, _ = command(*asked, "--n", 2, llm_base_url=upstream.base_url)
        bodies = [received.body for received in upstream.received]
    assert (code, told["resumed"], told["summary"]["value"]) == (0, 3, 4)
    found = records(tmp_path / "out.jsonl")
    assert [found[0, n]["reward"] for n in range(2)] == [1.0, 1.0]
    assert [found[2, n]["reward"] for n in range(2)] == [0.0, 0.0]
    assert [found[1, n]["state"] for n in range(2)] == ["invalid", "invalid"]
    assert found[0, 0]["usage"][fake.MODEL]["total_tokens"] == 120
    assert found[0, 0]["sample"]["output_text"] == "Paris"
    assert {body["model"] for body in bodies} == {MODEL}
    assert {body["temperature"] for body in bodies} == {0.5}
    assert sorted(body["seed"] for body in bodies) == [7, 7, 8, 8]
    assert bodies[0]["messages"] == ASKED["messages"]
    code, _, errors = command(*arguments, llm_base_url=upstream.base_url)
    assert code == 2
    assert "another model or sampling" in errors


def test_outputs_are_drawn_here_and_graded_on_a_server(tmp_path: Path, server: str) -> None:
    arguments = [*asking(tmp_path, ASKED), "--server", server]
    with serving_upstream(fake.completion("Paris")) as upstream:
        code, _, errors = command(*arguments, llm_base_url=upstream.base_url)
    assert (code, errors) == (0, "")
    record = records(tmp_path / "out.jsonl")[0, 0]
    assert (record["reward"], record["usage"][fake.MODEL]["total_tokens"]) == (1.0, 120)


def test_what_the_model_did_not_answer_has_failed_and_is_asked_again(tmp_path: Path) -> None:
    arguments = asking(tmp_path, ASKED)
    with serving_upstream(fake.error(401)) as upstream:
        code, told, _ = command(*arguments, llm_base_url=upstream.base_url)
    assert (code, told["summary"]["failed"]) == (1, 1)
    with serving_upstream(fake.completion("Paris")) as upstream:
        code, told, _ = command(*arguments, llm_base_url=upstream.base_url)
    assert (code, told["summary"]["mean"]) == (0, 1.0)


@pytest.mark.parametrize(
    ("library", "arguments"),
    [("pyarrow", ("--output", "out.parquet")), ("ray", ("--engine", "ray"))],
)
def test_an_extra_that_is_not_installed_is_named(
    tmp_path: Path, grader: Path, library: str, arguments: tuple[str, str]
) -> None:
    data = lines(tmp_path / "rows.jsonl", RIGHT)
    without = (
        f"import sys; sys.modules[{library!r}] = None; from grader_service.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", without, "grade", grader, "--data", data, *arguments],
        env={**os.environ, "GRADER_SANDBOX": "off", "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "pip install 'grader-service[" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("{grader}", "--data", "{folder}/nowhere"), "nowhere"),
        (("{grader}", "--data", "{data}", "--samples", "{folder}/nowhere"), "nowhere"),
        (("{grader}", "--data", "{data}", "--n", "2"), "--samples"),
        (("{grader}", "--data", "{data}", "--model", "m"), "--model m"),
        (("{grader}", "--data", "{data}", "--model", "m", "--samples", "{data}"), "--samples"),
        (("{grader}", "--data", "{data}", "--model", "m", "--sampling-params", "{{"), "JSON"),
        (
            (
                "{grader}",
                "--data",
                "{data}",
                "--model",
                "m",
                "--sampling-params",
                '{{"top_p": "x"}}',
            ),
            "top_p",
        ),
        (("{folder}/bad.json", "--data", "{data}"), "bad.json:1"),
        (("{folder}/broken.json", "--data", "{data}"), "grade"),
        (("{grader}", "--data", "{data}", "--output", "{folder}/no/out.jsonl"), "out.jsonl"),
        (("{grader}", "--data", "{data}", "--engine", "ray", "--server", "x"), "--server"),
        (("{grader}", "--data", "{data}", "--server", "http://127.0.0.1:1"), "be reached"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    tmp_path: Path, grader: Path, arguments: tuple[str, ...], hint: str
) -> None:
    data = lines(tmp_path / "rows.jsonl", RIGHT)
    lines(tmp_path / "bad.json", {**STRING_CHECK, "operation": "neq"})
    lines(tmp_path / "broken.json", {**PYTHON, "source": "x = 1"})
    named = {"grader": grader, "data": data, "folder": tmp_path}
    code, told, errors = command(*(argument.format(**named) for argument in arguments))
    assert (code, told) == (2, {})
    assert errors.startswith("error: ")
    assert hint in errors
    assert len(errors.splitlines()) == 1


def test_a_server_grades_the_same(tmp_path: Path, server: str) -> None:
    grader = lines(tmp_path / "grader.json", TEXT_SIMILARITY)
    data = lines(tmp_path / "rows.jsonl", *[RIGHT, WRONG] * 400)
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    for out, place in ((here, ()), (there, ("--server", server)), (there, ("--server", server))):
        code, _, errors = command(grader, "--data", data, "--output", out, *place)
        assert (code, errors) == (0, "")

    def compared(path: Path) -> dict:
        return {place: {**record, "seconds": 0} for place, record in records(path).items()}

    assert compared(here) == compared(there)


def test_keys_limits_and_refusals_of_a_server(tmp_path: Path, grader: Path) -> None:
    data = lines(tmp_path / "rows.jsonl", RIGHT, {**RIGHT, "sample": "x" * 5000}, RIGHT)
    settings = Settings(api_keys="author:alpha", max_body_bytes=4096, **QUIET)
    with serving(settings) as address:
        arguments = [grader, "--data", data, "--server", f"{address}/v1/"]
        code, _, errors = command(*arguments)
        assert code == 2
        assert "401" in errors
        assert "API key" in errors
        code, told, _ = command(*arguments, server_key="alpha")
        assert command(*arguments, "--key", "alpha")[0] == 1
    assert code == 1
    assert told["summary"]["causes"] == {"request_too_large": 1}
    assert told["summary"]["value"] == 2


@pytest.fixture
def dishonest() -> Iterator[Callable[[bytes], str]]:
    """A server that answers everything with the same bytes and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads = []

    def answer(text: bytes) -> str:
        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(ConnectionError):  # not every client reads it all
                connection.recv(65536)
                connection.sendall(text)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield answer
    for thread in threads:
        thread.join()
    listener.close()


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
STALLED = b'{"error":{"message":"Nothing came."}}\n'
EARLY = b'{"summary":{},"seconds":1}\n'
LONG = b"x" * 9_000_000 + b"\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "cut off"),
        (CHUNKED, "did not answer to the end"),
        (CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(STALLED), STALLED), "Nothing came."),
        (CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(EARLY), EARLY), "cut off"),
        (CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(LONG), LONG), "too long"),
        (CHUNKED + b"5\r\n<html\r\n0\r\n\r\n", "is it a grader-service"),
        (CHUNKED + b"2\r\n7\n\r\n0\r\n\r\n", "is it a grader-service"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n" + b'{"index": 999}\n', "is it a"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 2\r\n\r\n<>", "502"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 2\r\n\r\n[]", "502"),
        (b"", "did not answer"),
    ],
)
def test_answers_that_are_none(
    tmp_path: Path, grader: Path, dishonest: Callable[[bytes], str], answer: bytes, hint: str
) -> None:
    data = lines(tmp_path / "rows.jsonl", RIGHT)
    code, _, errors = command(grader, "--data", data, "--server", dishonest(answer))
    assert code == 2
    assert hint in errors
    assert len(errors.splitlines()) == 1


def test_a_terminal_shows_a_bar_and_a_table(tmp_path: Path, grader: Path) -> None:
    data = lines(tmp_path / "rows.jsonl", *[RIGHT] * 30, {"item": {}, "sample": "x"})
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "grader_service", "grade", grader, "--data", data],
        env={**os.environ, "GRADER_SANDBOX": "off", "COLUMNS": "150", "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as screen:
        while True:
            try:
                chunk = screen.read(65536)
            except OSError:  # Linux: the other side is closed
                break
            if not chunk:
                break
            shown += chunk
    assert process.wait(60) == 0
    text = shown.decode()
    for expected in ("31/31", "value", "variable_missing", "96.8%"):
        assert expected in text
