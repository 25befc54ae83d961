"""Many rows in one request, over real sockets: what comes back for each, and what ends the stream."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from grader_service.settings import Settings
from tests.definitions import ITEM, MULTI, PYTHON, STRING_CHECK, TEXT_SIMILARITY
from tests.fakes.sandbox import Gate, ScriptedSandbox
from tests.http.test_errors import check_form
from tests.opening import opening
from tests.processes import serving as process
from tests.serving import serving
from tests.test_metrics import scrape, value

BATCH = "/v1/graders/batch"
LINES = {"content-type": "application/x-ndjson"}
QUIET: dict[str, Any] = {"sandbox": "off", "log_level": "error"}
HEAD = {"grader": STRING_CHECK}
ROW = {"item": ITEM, "sample": "Paris"}


def spelled(*lines: Any) -> bytes:
    """One JSON text a line; bytes as they are."""
    return b"".join(
        (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines
    )


def read(answer: httpx.Response) -> tuple[list[dict], dict]:
    """The rows' lines and the last one's summary."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    *rows, last = [json.loads(line) for line in answer.text.splitlines()]
    assert set(last) == {"summary", "seconds"}
    return rows, last["summary"]


def post(address: str, *lines: Any, path: str = BATCH) -> httpx.Response:
    return httpx.post(address + path, content=spelled(*lines), headers=LINES)


def test_each_row_has_a_line_and_the_last_line_is_the_sum(server: str) -> None:
    rows, summary = read(
        post(
            server,
            HEAD,
            ROW,
            {"item": ITEM, "model_sample": "Rome", "index": 70, "n": 3},
            {"sample": {"output_text": "Paris"}, "item": {}},
            b"",
            {"sample": {"output_text": "Paris"}, "item": ITEM},
        )
    )
    assert [(row["index"], row["n"], row["reward"], row["state"]) for row in rows] == [
        (0, 0, 1.0, "value"),
        (70, 3, 0.0, "value"),
        (2, 0, 0.0, "invalid"),
        (3, 0, 1.0, "value"),
    ]
    assert [cause["kind"] for cause in rows[2]["causes"]] == ["variable_missing"]
    assert summary == {
        "graded": 4,
        "value": 3,
        "invalid": 1,
        "failed": 0,
        "refused": 0,
        "mean": 2 / 3,
        "mean_with_invalid": 0.5,
        "causes": {"variable_missing": 1},
    }


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1", "/openai"])
def test_a_batch_can_be_one_json_object(server: str, prefix: str) -> None:
    body = {"grader": MULTI, "rows": [ROW, {"item": ITEM, "sample": "Rome"}, 3]}
    rows, summary = read(httpx.post(f"{server}{prefix}/graders/batch", json=body))
    graded = {row["index"]: row for row in rows if "index" in row}
    assert graded[0]["parts"] == {"exact": 1.0, "near": 1.0}
    assert graded[1]["reward"] < 0.5
    assert (summary["value"], summary["refused"]) == (2, 1)


def test_rows_that_cannot_be_read_lose_nothing_else(server: str) -> None:
    rows, summary = read(
        post(
            server,
            HEAD,
            ROW,
            b"{",
            b"\xff",
            [],
            {"item": ITEM},
            {"sample": 3},
            {"sample": "x", "item": "y"},
            {"sample": "x", "index": -1},
            b"x" * 1_100_000,
            ROW,
        )
    )
    refused = [(row["row"], row["error"]["code"], row["error"]["param"]) for row in rows[1:-1]]
    assert refused == [
        (1, "invalid_json", None),
        (2, "invalid_json", None),
        (3, "invalid_request", None),
        (4, "invalid_request", "sample"),
        (5, "invalid_request", "sample"),
        (6, "invalid_request", "item"),
        (7, "invalid_request", "index"),
        (8, "request_too_large", None),
    ]
    assert "1048576" in rows[-2]["error"]["message"]
    assert [rows[0]["reward"], rows[-1]["reward"], rows[-1]["index"]] == [1.0, 1.0, 9]
    assert (summary["graded"], summary["refused"]) == (2, 8)


@pytest.mark.parametrize(
    ("first", "status", "param"),
    [
        (b"{", 400, None),
        (b"", 400, None),
        ([], 400, None),
        ({}, 400, None),
        ({"grader": STRING_CHECK, "grader_name": "capital"}, 400, None),
        ({"grader": {**STRING_CHECK, "operation": "neq"}}, 400, "grader.operation"),
        ({"grader": {**PYTHON, "source": "x = 1"}}, 400, "grader.source"),
        ({"grader_name": "nobody"}, 404, "grader_name"),
        (b'{"grader_name": "' + b"x" * 1_100_000 + b'"}', 413, None),
    ],
)
def test_a_wrong_head_is_refused_before_anything_is_graded(
    server: str, first: Any, status: int, param: str | None
) -> None:
    assert check_form(post(server, first), status)["param"] == param


def test_other_bodies_are_refused(server: str) -> None:
    text = {"content-type": "text/csv"}
    check_form(httpx.post(server + BATCH, content=b"a,b", headers=text), 415)
    check_form(httpx.post(server + BATCH, json={"grader": STRING_CHECK}), 400)
    large = {"grader": STRING_CHECK, "rows": [{**ROW, "item": {"answer": "x" * 1_100_000}}]}
    check_form(httpx.post(server + BATCH, json=large), 413)
    run = "/v1/fine_tuning/alpha/graders/run"
    check_form(httpx.post(server + run, content=b"x" * 2_000_000, headers=LINES), 415)


def test_a_client_may_send_all_of_a_long_batch_before_it_reads(server: str) -> None:
    """The answer is larger than what the sockets between hold."""
    count = 40_000
    rows, summary = read(post(server, HEAD, *[ROW] * count))
    assert [row["index"] for row in rows] == list(range(count))
    assert summary["value"] == count


class Exchange:
    """A batch whose lines are sent and read one by one."""

    def __init__(self, address: str) -> None:
        host, port = address.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=30)
        self._file = self._socket.makefile("rb")
        head = f"POST {BATCH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\n"
        self._socket.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, *lines: Any) -> None:
        text = spelled(*lines)
        self._socket.sendall(b"%x\r\n%b\r\n" % (len(text), text))

    def end(self) -> None:
        self._socket.sendall(b"0\r\n\r\n")

    def status(self) -> bytes:
        """Of the answer, read to the end of its head."""
        status = self._file.readline()
        while self._file.readline().strip():
            pass
        return status

    def lines(self) -> Iterator[dict]:
        """As they come, until the answer ends or is cut."""
        rest = b""
        while size := int(self._file.readline() or b"0", 16):
            *whole, rest = (rest + self._file.read(size)).split(b"\n")
            self._file.readline()
            yield from (json.loads(line) for line in whole)


def test_each_line_is_answered_while_the_next_has_not_been_sent(server: str) -> None:
    with Exchange(server) as exchange:
        exchange.send(HEAD)
        assert exchange.status().startswith(b"HTTP/1.1 200 ")
        lines = exchange.lines()
        for place in range(3):
            exchange.send(ROW)
            assert next(lines)["index"] == place
        exchange.send({"sample": "Par"}, {"sample": "is"})
        exchange.end()
        assert [next(lines)["index"] for _ in range(2)] == [3, 4]
        assert [line["summary"]["graded"] for line in lines] == [5]


def test_rows_come_back_as_they_are_done_and_so_many_at_once() -> None:
    gates = [Gate(), Gate(), Gate()]
    sandbox = ScriptedSandbox(gates)
    settings = Settings(batch_concurrency=2, **QUIET)
    with serving(settings, opening(sandbox=sandbox)) as address, Exchange(address) as exchange:
        exchange.send({"grader": PYTHON}, ROW, ROW, ROW)
        exchange.end()
        exchange.status()
        lines = exchange.lines()
        while len(sandbox.programs) < 2:
            pass
        gates[1].open()
        assert next(lines)["index"] == 1
        while len(sandbox.programs) < 3:
            pass
        gates[2].open()
        assert next(lines)["index"] == 2
        gates[0].open()
        assert next(lines)["index"] == 0
        assert [line["summary"]["value"] for line in lines] == [3]


def test_one_batch_leaves_places_to_the_rows_of_others() -> None:
    """All batches together grade no more rows at once than the server takes requests."""
    gates = [Gate(), Gate(), Gate()]
    sandbox = ScriptedSandbox(gates)
    settings = Settings(max_in_flight=2, **QUIET)
    with (
        serving(settings, opening(sandbox=sandbox)) as address,
        Exchange(address) as one,
        Exchange(address) as other,
    ):
        one.send({"grader": PYTHON}, ROW, ROW)
        one.end()
        while len(sandbox.programs) < 2:
            pass
        other.send({"grader": PYTHON}, ROW)
        other.end()
        assert other.status().startswith(b"HTTP/1.1 200 ")
        assert len(sandbox.programs) == 2
        check_form(post(address, HEAD, ROW), 429)
        for gate in gates:
            gate.open()
        assert [line["summary"]["value"] for line in other.lines() if "summary" in line] == [1]


def test_a_client_that_leaves_ends_its_grades() -> None:
    gate = Gate()
    sandbox = ScriptedSandbox([gate] * 40)
    with serving(Settings(**QUIET), opening(sandbox=sandbox)) as address:
        with Exchange(address) as exchange:
            exchange.send({"grader": PYTHON}, *[ROW] * 40)
            exchange.status()
            while len(sandbox.programs) < 32:
                pass
        with httpx.Client(base_url=address) as client:
            while value(scrape(client), "grader_in_flight"):
                pass
            assert len(sandbox.programs) == 32
        gate.open()


def test_a_batch_where_nothing_moves_is_given_up() -> None:
    with serving(Settings(deadline_seconds=0.2, **QUIET)) as address:
        with Exchange(address) as silent:
            assert silent.status().startswith(b"HTTP/1.1 408 ")
        with Exchange(address) as stalled:
            stalled.send(HEAD, ROW)
            stalled.status()
            row, error = stalled.lines()
    assert row["reward"] == 1.0
    assert error["error"]["code"] == "request_timeout"
    assert "GRADER_DEADLINE_SECONDS" in error["error"]["message"]


def test_a_row_ends_at_its_deadline_and_the_others_go_on() -> None:
    gate = Gate()
    sandbox = ScriptedSandbox([gate, 1.0])
    settings = Settings(deadline_seconds=0.3, batch_concurrency=1, **QUIET)
    with serving(settings, opening(sandbox=sandbox)) as address:
        rows, summary = read(post(address, {"grader": PYTHON}, ROW, ROW))
        gate.open()
    assert [row["state"] for row in rows] == ["failed", "value"]
    assert summary["causes"] == {"deadline_exceeded": 1}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    (folder / "capital.json").write_text(json.dumps(STRING_CHECK))
    return folder


def test_graders_of_the_catalogue_and_what_metrics_count(catalogue: Path) -> None:
    with (
        serving(Settings(catalogue=catalogue, **QUIET)) as address,
        httpx.Client(base_url=address) as client,
    ):
        read(post(address, {"grader_name": "capital"}, *[ROW] * 1000, {"sample": ""}))
        read(post(address, {"grader": {**MULTI, "calculate_output": "-exact"}}, ROW))
        answered = {"route": "graders_batch", "status": "200"}
        while value(found := scrape(client), "grader_requests_total", **answered) < 2:
            pass  # the last line is sent before the request is counted
    for name, labels in (
        ("grader", {"type": "string_check"}),
        ("grader_catalogue", {"grader": "capital"}),
    ):
        part = 1 if name == "grader" else 0  # of the multi
        assert value(found, f"{name}_grades_total", state="value", **labels) == 1000 + part
        assert value(found, f"{name}_grades_total", state="invalid", **labels) == 1
        assert value(found, f"{name}_grade_seconds_count", **labels) == 1001 + part
        assert value(found, f"{name}_reward_count", **labels) == 1000
        assert value(found, f"{name}_reward_bucket", le="0.99", **labels) == 0
        assert value(found, f"{name}_reward_bucket", le="1.0", **labels) == 1000
        assert value(found, f"{name}_reward_magnitude_total", sign="positive", **labels) == 1000
    assert value(found, "grader_reward_magnitude_total", sign="negative", type="multi") == 1
    assert value(found, "grader_causes_total", kind="variable_missing") == 1


def test_a_batch_is_one_line_in_the_log() -> None:
    with process(sandbox="off") as server:
        read(post(server.address, {"grader": TEXT_SIMILARITY}, *[ROW] * 10, b"{", {"sample": "x"}))
        told = [line for line in server.events() if line["event"] in {"graded", "batch_graded"}]
    (line,) = told
    assert line["event"] == "batch_graded"
    assert (line["value"], line["invalid"], line["refused"], line["complete"]) == (10, 1, 1, True)
    assert line["causes"] == {"variable_missing": 1}
    assert "Paris" not in json.dumps(line)


def test_the_batch_needs_a_key() -> None:
    with serving(Settings(api_keys="trainer:alpha", **QUIET)) as address:
        check_form(post(address, HEAD, ROW), 401)
        keyed = {**LINES, "api-key": "alpha"}
        read(httpx.post(address + BATCH, content=spelled(HEAD, ROW), headers=keyed))


def test_two_batches_at_once_both_end(server: str) -> None:
    ends: list[dict] = []
    threads = [
        threading.Thread(
            target=lambda: ends.append(
                read(post(server, {"grader": TEXT_SIMILARITY}, *[ROW] * 2000))[1]
            )
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [end["value"] for end in ends] == [2000, 2000]
