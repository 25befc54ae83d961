"""Whatever goes wrong, the SDK finds one form of body, a request id, and whether to try again."""

import httpx
import pytest

from tests.definitions import STRING_CHECK, body

RUN = "/v1/fine_tuning/alpha/graders/run"


@pytest.fixture
def http(server: str):
    with httpx.Client(base_url=server) as client:
        yield client


def check_form(answer: httpx.Response, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert set(answer.json()) == {"error"}
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert error["code"]
    return error


def test_unknown_path(http: httpx.Client) -> None:
    error = check_form(http.get("/v2/nothing"), 404)
    assert "/v2/nothing" in error["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/graders/", "/graders/capital/", RUN + "/", "/healthz/"])
def test_a_trailing_slash_is_another_path(http: httpx.Client, method: str, path: str) -> None:
    error = check_form(http.request(method, path), 404)
    assert path in error["message"]


def test_wrong_method(http: httpx.Client) -> None:
    answer = http.get(RUN)
    check_form(answer, 405)
    assert answer.headers["allow"] == "POST"
    assert answer.headers["x-should-retry"] == "false"


def test_wrong_method_where_two_are_right(http: httpx.Client) -> None:
    answer = http.delete("/graders/capital")
    check_form(answer, 405)
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null x",
        b'{"model_sample": NaN}',
        b'{"model_sample": 1e999}',
        b'{"model_sample": "\\ud800"}',
        b'{"model_sample": "\xff"}',
        b"[" * 200 + b"]" * 200,
        b'{"a":' * 100_000,
    ],
    ids=["empty", "open", "trailing", "nan", "infinite", "surrogate", "not-utf8", "deep", "deeper"],
)
def test_bad_json_is_400(http: httpx.Client, text: bytes) -> None:
    answer = http.post(RUN, content=text, headers={"content-type": "application/json"})
    error = check_form(answer, 400)
    assert error["code"] == "invalid_json"


def test_depth_of_128_is_still_taken(http: httpx.Client) -> None:
    deep: object = "x"
    for _ in range(126):
        deep = [deep]
    assert http.post(RUN, json=body(STRING_CHECK, item={"answer": deep})).status_code == 200
    assert http.post(RUN, json=body(STRING_CHECK, item={"answer": [deep]})).status_code == 400


def test_content_types(http: httpx.Client) -> None:
    text = httpx.Request("POST", "http://x", json=body(STRING_CHECK)).content
    for taken in (
        "application/json",
        "application/json; charset=utf-8",
        "application/vnd.x+json",
        None,
    ):
        headers = {"content-type": taken} if taken else {}
        assert http.post(RUN, content=text, headers=headers).status_code == 200, taken
    for other in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ):
        check_form(http.post(RUN, content=text, headers={"content-type": other}), 415)


def test_request_id_of_the_caller_is_kept_when_plain(http: httpx.Client) -> None:
    assert (
        http.get("/healthz", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    )
    odd = http.get("/healthz", headers={"x-request-id": 'a"b'}).headers["x-request-id"]
    assert odd.startswith("req_")
    assert len(odd) == 36
