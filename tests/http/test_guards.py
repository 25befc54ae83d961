"""Keys, sizes, counts and deadlines, tried over real sockets."""

import json
import socket
import threading
import time

import httpx
import pytest

from grader_service.settings import Settings
from tests.definitions import PYTHON, STRING_CHECK, body
from tests.fakes.sandbox import Gate, ScriptedSandbox
from tests.http.test_errors import RUN, check_form
from tests.opening import opening
from tests.serving import serving

QUIET = {"sandbox": "off", "log_level": "error"}


@pytest.fixture(scope="module")
def locked():
    with serving(Settings(api_keys="trainer:alpha,reader:beta", **QUIET)) as address:
        yield address


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer alpha"},
        {"authorization": "bearer beta"},
        {"api-key": "alpha"},
        {"x-api-key": "beta"},
        {"x-functions-key": "alpha"},
    ],
)
def test_keys_open(locked: str, headers: dict) -> None:
    assert httpx.post(locked + RUN, json=body(STRING_CHECK), headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer gamma"}, {"api-key": ""}, {"authorization": "Basic alpha"}],
)
def test_no_key_no_answer(locked: str, headers: dict) -> None:
    answer = httpx.post(locked + RUN, json=body(STRING_CHECK), headers=headers)
    assert check_form(answer, 401)["code"] == "invalid_api_key"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"])
def test_probes_need_no_key(locked: str, path: str) -> None:
    assert httpx.get(locked + path).status_code == 200


def test_catalogue_needs_a_key(locked: str) -> None:
    check_form(httpx.get(locked + "/graders"), 401)


def test_pages_of_other_hosts_may_not_call_a_server_without_keys(server: str) -> None:
    page = {"origin": "https://elsewhere.example"}
    check_form(httpx.post(server + RUN, json=body(STRING_CHECK), headers=page), 403)
    for odd in ("null", "http://[", "http://[::1", "", "localhost"):
        check_form(httpx.get(server + "/graders", headers={"origin": odd}), 403)
    own = {"origin": "http://localhost:3000"}
    assert httpx.post(server + RUN, json=body(STRING_CHECK), headers=own).status_code == 200


def raw_exchange(address: str, request: bytes) -> bytes:
    """Send bytes and read until the other side is done, without sending any more."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
            if b'"code"' in answer:
                break
        return answer


def test_a_large_body_is_refused_before_it_is_read(server: str) -> None:
    head = f"POST {RUN} HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n".encode()
    answer = raw_exchange(server, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"request_too_large"' in answer


def test_a_large_body_without_a_length_is_refused_where_it_gets_too_large(server: str) -> None:
    def chunks():
        for _ in range(20):
            yield b" " * 100_000

    check_form(httpx.post(server + RUN, content=chunks()), 413)


async def test_a_client_that_sends_to_the_end_before_it_reads_finds_the_refusal(
    server: str,
) -> None:
    """A connection closed over unread bytes is reset, and the reset can overtake the answer."""
    large = json.dumps(body(STRING_CHECK, "x" * 3_000_000)).encode()
    async with httpx.AsyncClient(base_url=server) as client:
        for _ in range(10):
            check_form(await client.post(RUN, content=large), 413)


def test_after_a_refused_body_the_connection_takes_the_next_request(server: str) -> None:
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            f"POST {RUN} HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n".encode()
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
        connection.sendall(b" " * 2_000_000 + b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("begun", [b"", b"{"])
def test_a_body_that_does_not_come_ends_at_the_deadline(begun: bytes) -> None:
    head = f"POST {RUN} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n".encode()
    with serving(Settings(deadline_seconds=0.2, **QUIET)) as address:
        answer = raw_exchange(address, head + begun)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"request_timeout"' in answer
        assert "grader_in_flight 0.0" in httpx.get(address + "/metrics").text


def test_a_body_in_pieces_is_put_together(server: str) -> None:
    text = json.dumps(body(STRING_CHECK)).encode()
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(
            f"POST {RUN} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(text)}\r\n\r\n".encode()
        )
        for start in range(0, len(text), 20):
            time.sleep(0.005)
            connection.sendall(text[start : start + 20])
        assert b'"reward":1.0' in connection.recv(65536)


def test_the_limit_is_a_setting() -> None:
    large = body(STRING_CHECK, item={"answer": "Paris", "padding": "x" * 2_000_000})
    with serving(Settings(max_body_bytes=4 * 1024 * 1024, **QUIET)) as address:
        assert httpx.post(address + RUN, json=large).json()["reward"] == 1.0


def test_one_more_than_fit_is_told_to_come_back() -> None:
    gate = Gate()
    sandbox = ScriptedSandbox([gate])
    settings = Settings(max_in_flight=1, **QUIET)
    with serving(settings, opening(sandbox=sandbox)) as address, httpx.Client() as client:
        answers: list[httpx.Response] = []
        first = threading.Thread(
            target=lambda: answers.append(httpx.post(address + RUN, json=body(PYTHON)))
        )
        first.start()
        while not sandbox.programs:
            first.join(0.01)
        second = client.post(address + RUN, json=body(STRING_CHECK))
        check_form(second, 429)
        assert int(second.headers["retry-after"]) >= 1
        assert "x-should-retry" not in second.headers
        assert client.get(address + "/healthz").status_code == 200
        gate.open()
        first.join(10)
        assert answers[0].json()["reward"] == 1.0
        assert client.post(address + RUN, json=body(STRING_CHECK)).json()["reward"] == 1.0


def test_a_grade_ends_at_the_deadline_as_a_failure() -> None:
    settings = Settings(deadline_seconds=0.2, **QUIET)
    gate = Gate()
    with serving(settings, opening(sandbox=ScriptedSandbox([gate]))) as address:
        found = httpx.post(address + RUN, json=body(PYTHON)).json()
        gate.open()
    assert found["metadata"]["errors"]["other_error"] is True
    assert "GRADER_DEADLINE_SECONDS" in found["metadata"]["errors"]["other_error_details"]


def test_a_defect_is_named_and_shows_nothing() -> None:
    sandbox = ScriptedSandbox([ZeroDivisionError("a secret of the sample")])
    with serving(Settings(**QUIET), opening(sandbox=sandbox)) as address:
        answer = httpx.post(address + RUN, json=body(PYTHON))
    assert answer.status_code == 200
    errors = answer.json()["metadata"]["errors"]
    assert errors["other_error"] is True
    assert "defect" in errors["other_error_details"]
    assert "secret" not in answer.text
