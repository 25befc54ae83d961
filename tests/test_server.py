"""The process: how it starts, how it refuses to, how it ends."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.definitions import STRING_CHECK, TEXT_SIMILARITY, body
from tests.http.test_errors import RUN
from tests.processes import serving, start


@pytest.fixture(scope="module")
def quiet() -> Iterator[str]:
    """The address of a server that is a process of its own."""
    with serving(sandbox="off") as running:
        yield running.address


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"host": "0.0.0.0"}, "GRADER_API_KEYS"),
        ({"port": "many"}, "GRADER_PORT"),
        ({"sandbox": "podman"}, "'docker', 'bubblewrap'"),
        ({"api_keys": "a:1,b:1"}, "GRADER_API_KEYS"),
        ({"api_keys_file": "/nowhere"}, "GRADER_API_KEYS_FILE"),
        ({"api_keys_file": "/dev/null"}, "no plain file"),
        ({"catalogue": "/nowhere"}, "GRADER_CATALOGUE"),
        ({"nltk_data": "/nowhere"}, "make install"),
        ({"judges": "/nowhere.yaml"}, "/nowhere.yaml"),
        ({"shutdown_seconds": "inf"}, "GRADER_SHUTDOWN_SECONDS"),
        ({"api_keys": os.fsdecode(b"k\xff")}, "GRADER_API_KEYS"),
        ({"max_body_bytes": "-1"}, "GRADER_MAX_BODY_BYTES"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_one_line(settings: dict, hint: str) -> None:
    process = start("serve", **{"port": 0, "sandbox": "off"} | settings)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert output == ""
    lines = [line for line in errors.splitlines() if not line.startswith('{"engine"')]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert hint in lines[0]


def test_a_port_in_use(server: str) -> None:
    port = server.rpartition(":")[2]
    process = start("serve", "--port", port, sandbox="off")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f":{port}: Address already in use" in errors
    assert len(errors.strip().splitlines()) == 1


def test_keys_open_other_addresses() -> None:
    with serving(host="0.0.0.0", api_keys="k", sandbox="off") as running:
        local = running.address.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(local + "/graders").status_code == 401
        assert httpx.get(local + "/graders", headers={"api-key": "k"}).status_code == 200


def test_sigterm_finishes_what_is_in_flight_and_refuses_new() -> None:
    """A long comparison is under way; the server ends only after it has answered."""
    long = {
        "grader": {**TEXT_SIMILARITY, "reference": "{{item.text}}"},
        "model_sample": "ab " * 60_000,
    }
    long["item"] = {"text": "ba " * 60_000}
    with serving(sandbox="off") as running:
        answers: list[httpx.Response] = []
        client = threading.Thread(
            target=lambda: answers.append(httpx.post(running.address + RUN, json=long, timeout=60))
        )
        client.start()
        while "grader_in_flight 1.0" not in httpx.get(running.address + "/metrics").text:
            assert client.is_alive()
        running.process.send_signal(signal.SIGTERM)
        client.join(60)
        assert running.process.wait(30) == 0
    assert answers[0].status_code == 200
    assert answers[0].json()["reward"] > 0
    host, port = running.address.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET nowhere\r\n\r\n"]
)
def test_bytes_that_are_no_http_get_an_error_in_the_usual_form(quiet: str, sent: bytes) -> None:
    host, port = quiet.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(sent)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, text = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nx-request-id: req_" in head
    assert f"\r\ncontent-length: {len(text)}".encode() in head
    assert json.loads(text)["error"]["code"] == "invalid_http"


def test_one_line_for_each_grade_and_nothing_of_the_sample() -> None:
    planted = "planted-sample-text"
    with serving(sandbox="off") as running:
        httpx.post(
            running.address + RUN, json=body(STRING_CHECK, planted, item={"answer": planted})
        )
        httpx.post(running.address + RUN, json=body(STRING_CHECK, planted, item={}))
        httpx.post(running.address + RUN, json={"grader": {"type": planted}})
        running.process.terminate()  # a line may come after its answer
        running.process.wait(30)
        events = running.events()
        assert planted not in running.log.read_text()
    graded = [event for event in events if event["event"] == "graded"]
    assert [event["state"] for event in graded] == ["value", "invalid"]
    assert graded[0]["reward"] == 1.0
    assert graded[1]["kinds"] == ["variable_missing"]
    assert [event["status"] for event in events if event["event"] == "refused"] == [400]


def test_a_log_that_nobody_reads_any_more_fails_no_grade() -> None:
    process = start("serve", "--port", "0", "--log-format", "json", sandbox="off")
    try:
        lines = (json.loads(line) for line in process.stderr)
        address = next(line["url"] for line in lines if line["event"] == "listening")
        process.stderr.close()
        for _ in range(3):
            answer = httpx.post(address + RUN, json=body(STRING_CHECK))
            assert answer.status_code == 200, answer.text
        assert httpx.get(address + "/nowhere").status_code == 404
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(30) == 0


def test_a_server_without_standard_error_serves() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$0" -m grader_service serve --port {port} 2>&-', sys.executable],
        env={**os.environ, "GRADER_SANDBOX": "off"},
        stdin=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(httpx.ConnectError):
                assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
                break
            time.sleep(0.05)
        answer = httpx.post(f"http://127.0.0.1:{port}{RUN}", json=body(STRING_CHECK))
        assert answer.status_code == 200
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("begun", [b"", b"POST / HTTP/1.1\r\nhost: x\r\n"], ids=["silent", "begun"])
def test_a_request_that_does_not_begin_holds_no_connection(begun: bytes) -> None:
    with serving(sandbox="off", deadline_seconds=0.5) as running:
        host, port = running.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(begun)
            assert connection.recv(100) == b""


def test_a_connection_may_be_quiet_between_requests_and_its_answers_may_take_time() -> None:
    """The limit is for headers alone."""
    with serving(sandbox="off", deadline_seconds=0.5) as running, httpx.Client() as client:
        for _ in range(3):
            assert client.post(running.address + RUN, json=body(STRING_CHECK)).status_code == 200
            time.sleep(0.7)
        assert client.get(running.address + "/healthz").status_code == 200
        pools = client._transport._pool.connections
        assert len(pools) == 1


def test_what_drips_after_a_refusal_holds_no_connection() -> None:
    head = f"POST {RUN} HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n".encode()
    with serving(sandbox="off", deadline_seconds=0.5) as running:
        host, port = running.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head)
            assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
            with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
                drip(connection, seconds=20)


def drip(connection: socket.socket, seconds: float) -> None:
    """Send a byte now and then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        connection.sendall(b" ")
        time.sleep(0.05)
