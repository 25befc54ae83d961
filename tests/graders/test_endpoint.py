"""endpoint: a user's scorer is called, where it is allowed, and nowhere else."""

import asyncio
import gzip
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from grader_service.endpoints.allowed import is_public, literal
from grader_service.endpoints.base import Endpoints, masked
from grader_service.endpoints.off import NoEndpoints
from grader_service.endpoints.open import open_endpoints
from grader_service.errors import CannotStart, InvalidGrader
from grader_service.graders import GRADER
from grader_service.graders.result import Result
from grader_service.settings import Settings
from tests.fakes.engines import make_context, make_engines
from tests.fakes.upstream import (
    Answer,
    FakeUpstream,
    error,
    hanging,
    replace,
    serving_upstream,
    slow,
    throttled,
)

SCORED = Answer(body={"score": 0.5})
KEY = "planted-header-77aa"


def endpoint(url: str, **fields: Any) -> dict[str, Any]:
    definition = {"type": "endpoint", "name": "mine", "url": url}
    return definition | fields


@asynccontextmanager
async def opened(*hosts: str, **settings: Any) -> AsyncIterator[Endpoints]:
    async with open_endpoints(Settings(endpoint_hosts=",".join(hosts), **settings)) as endpoints:
        yield endpoints


async def grade(endpoints: Endpoints, definition: dict[str, Any], **fields: Any) -> Result:
    ctx = make_context(
        fields.pop("item", {"a": 1}), fields.pop("sample", "text"), endpoints=endpoints, **fields
    )
    return await GRADER.validate_python(definition).grade(ctx)


async def scored(scorer: FakeUpstream, **fields: Any) -> Result:
    """One grade by a scorer that is allowed."""
    async with opened(scorer.root) as endpoints:
        return await grade(endpoints, endpoint(f"{scorer.root}/score", **fields))


async def test_sample_item_and_trace_are_sent_and_the_score_is_the_reward() -> None:
    with serving_upstream(SCORED, SCORED) as scorer:
        async with opened(scorer.root) as endpoints:
            definition = endpoint(
                f"{scorer.root}/score?x=1", headers={"X-Functions-Key": KEY}, rate_limit=100
            )
            result = await grade(endpoints, definition, trace_id="trace_1")
            await grade(endpoints, definition)
    assert (result.reward, result.state) == (0.5, "value")
    first, second = scorer.received
    assert (first.path, first.query) == ("/score", {"x": "1"})
    assert first.headers["X-Functions-Key"] == KEY
    assert first.headers["Content-Type"] == "application/json"
    sample = {"output_text": "text", "output_json": None, "output_tools": []}
    assert first.body == {"sample": sample, "item": {"a": 1}, "trace_id": "trace_1"}
    generated = second.body["trace_id"]
    assert generated.startswith("trace_")
    assert len(generated) == 38
    assert int(generated[6:], 16) > 0


async def test_templates_are_not_for_scorers() -> None:
    with serving_upstream(SCORED) as scorer:
        async with opened(scorer.root) as endpoints:
            await grade(endpoints, endpoint(scorer.root), sample="{{item.a}}")
    assert scorer.received[0].body["sample"]["output_text"] == "{{item.a}}"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body={"score": "0.5"}),
        Answer(body={"score": True}),
        Answer(body={"score": None}),
        Answer(body={"result": 1}),
        Answer(body=[0.5]),
        Answer(body=0.5),
        Answer(raw=b'{"score": NaN}'),
        Answer(raw=b'{"score": 1e999}'),
        Answer(raw=b'{"score": ' + b"9" * 400 + b"}"),
        Answer(raw=b"0.5 points"),
        Answer(raw=b""),
        Answer(raw=b"[" * 100_000),
        Answer(raw=b'{"score": 1, "pad": "' + b"x" * 1_000_001 + b'"}'),
        Answer(
            raw=gzip.compress(b'{"score": 1}' + b" " * 50_000_000),
            headers={"content-encoding": "gzip"},
        ),
        error(400, "bad JSON"),
        error(404),
        Answer(302, headers={"location": "/elsewhere"}),
        Answer(201, {"score": 1}),
    ],
)
async def test_any_other_answer_is_the_scorers_fault_and_not_asked_again(answer: Answer) -> None:
    with serving_upstream(answer) as scorer:
        result = await scored(scorer)
    (cause,) = result.causes
    assert (cause.flag, cause.kind) == ("endpoint_grader_server_error", "endpoint_answer_invalid")
    assert (result.state, result.reward, result.retryable) == ("failed", 0.0, False)
    assert len(cause.details) < 500


async def test_an_answer_that_is_compressed_is_read() -> None:
    packed = Answer(raw=gzip.compress(b'{"score": -2}'), headers={"content-encoding": "gzip"})
    with serving_upstream(packed) as scorer:
        assert (await scored(scorer)).reward == -2


@pytest.mark.parametrize("trouble", [error(500), error(503), throttled(), replace(SCORED, cut=5)])
async def test_what_may_pass_is_tried_three_times(trouble: Answer) -> None:
    with serving_upstream(trouble, trouble, SCORED) as scorer:
        assert (await scored(scorer)).reward == 0.5
    with serving_upstream(trouble, trouble, trouble) as scorer:
        result = await scored(scorer)
    (cause,) = result.causes
    assert (cause.flag, cause.kind, result.retryable) == (
        "endpoint_grader_server_error",
        "endpoint_unavailable",
        True,
    )
    assert "after 3 tries" in cause.details


async def test_a_scorer_that_is_not_there_or_hangs() -> None:
    with serving_upstream() as gone:
        pass
    result = await scored(gone)
    assert [cause.kind for cause in result.causes] == ["endpoint_unavailable"]
    assert "cannot be reached" in result.causes[0].details
    with serving_upstream(*[hanging()] * 3) as scorer:
        async with opened(scorer.root, endpoint_timeout_seconds=0.1) as endpoints:
            result = await grade(endpoints, endpoint(scorer.root))
    assert [cause.kind for cause in result.causes] == ["endpoint_unavailable"]
    assert "0.1 s (GRADER_ENDPOINT_TIMEOUT_SECONDS) (after 3 tries)" in result.causes[0].details
    with serving_upstream(hanging(), SCORED) as scorer:
        async with opened(scorer.root, endpoint_timeout_seconds=0.3) as endpoints:
            assert (await grade(endpoints, endpoint(scorer.root))).reward == 0.5


async def test_too_large_a_body_is_not_sent() -> None:
    with serving_upstream() as scorer:
        async with opened(scorer.root) as endpoints:
            result = await grade(endpoints, endpoint(scorer.root), sample="x" * 1_000_000)
    (cause,) = result.causes
    assert (cause.flag, cause.kind) == ("endpoint_grader_internal_error", "endpoint_body_too_large")
    assert (result.state, result.retryable) == ("invalid", False)


async def test_one_url_gets_no_more_requests_a_second_than_it_wants() -> None:
    with serving_upstream(default=SCORED) as scorer:
        async with opened(scorer.root) as endpoints:
            started = time.monotonic()
            await asyncio.gather(
                *(grade(endpoints, endpoint(scorer.root, rate_limit=10)) for _ in range(5))
            )
    assert time.monotonic() - started >= 0.4


async def test_without_hosts_endpoint_graders_are_off() -> None:
    async with open_endpoints(Settings()) as endpoints:
        assert isinstance(endpoints, NoEndpoints)
        grader = GRADER.validate_python(endpoint("https://example.com/score"))
        (warning,) = await grader.check(make_engines(endpoints=endpoints))
        result = await grade(endpoints, endpoint("https://example.com/score"))
    assert "GRADER_ENDPOINT_HOSTS" in warning
    (cause,) = result.causes
    assert (cause.flag, cause.kind, result.state) == (
        "endpoint_grader_internal_error",
        "endpoint_off",
        "failed",
    )


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("example.com", "https://example.org/"),
        ("example.com", "https://sub.example.com/"),
        ("example.com", "https://example.com.evil.org/"),
        ("example.com", "http://example.com/"),
        ("*.example.com", "https://example.com/"),
        ("*", "http://example.com/"),
        ("*", "https://127.0.0.1/"),
        ("*", "https://127.0.0.1:8443/"),
        ("*", "https://10.0.0.8/"),
        ("*", "https://169.254.169.254/latest"),
        ("*", "https://[::1]/"),
        ("*", "https://[::ffff:10.0.0.1]/"),
        ("*", "https://[fe80::1]/"),
        ("scorer.internal:8443", "https://scorer.internal:8444/"),
        ("scorer.internal:8443", "http://scorer.internal:8443/"),
        ("http://127.0.0.1:9000", "https://127.0.0.1:9000/"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9001/"),
        ("http://127.0.0.1:9000", "http://localhost:9000/"),
    ],
)
async def test_what_is_not_allowed_is_refused_at_validation_and_never_called(
    hosts: str, url: str
) -> None:
    async with opened(hosts) as endpoints:
        grader = GRADER.validate_python(endpoint(url))
        with pytest.raises(InvalidGrader) as caught:
            await grader.check(make_engines(endpoints=endpoints))
        result = await grade(endpoints, endpoint(url))
    assert caught.value.param == "url"
    assert [cause.kind for cause in result.causes] == ["endpoint_off"]
    assert result.causes[0].flag == "endpoint_grader_internal_error"


@pytest.mark.parametrize("hosts", ["*", "localhost"])
async def test_a_name_that_leads_inside_is_refused_once_it_is_resolved(hosts: str) -> None:
    with serving_upstream() as scorer:
        async with opened(hosts) as endpoints:
            result = await grade(endpoints, endpoint(f"https://localhost:{scorer.port}/"))
    (cause,) = result.causes
    assert (cause.kind, result.retryable) == ("endpoint_off", False)
    assert "not public" in cause.details


async def test_a_private_name_is_called_where_its_port_is_allowed() -> None:
    with serving_upstream(SCORED) as scorer:
        async with opened(f"http://localhost:{scorer.port}") as endpoints:
            result = await grade(endpoints, endpoint(f"http://LocalHost:{scorer.port}/"))
    assert result.reward == 0.5


async def test_the_machines_proxy_is_not_used() -> None:
    with serving_upstream(SCORED) as scorer, pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            patch.setenv(name, "http://127.0.0.1:1")
        assert (await scored(scorer)).reward == 0.5


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "100::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "2001:0:0:0:0:0:f5ff:fffe",
    ],
)
def test_addresses_that_lead_inside(address: str) -> None:
    found = literal(address)
    assert found is not None
    assert not is_public(found)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
)
def test_addresses_that_lead_outside(address: str) -> None:
    found = literal(address)
    assert found is not None
    assert is_public(found)


@pytest.mark.parametrize(
    "hosts",
    [
        "http://example.com",
        "ftp://example.com",
        "a b",
        "example.com/path",
        "*.example.com:80",
        "example.com:99999",
        "user@example.com",
        "https://",
    ],
)
async def test_a_setting_that_means_nothing_ends_the_start(hosts: str) -> None:
    with pytest.raises(CannotStart, match="GRADER_ENDPOINT_HOSTS"):
        async with opened(hosts):
            pass


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"url": "example.com"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://user:pass@example.com/"}, "url"),
        ({"url": "https://example.com:99999/"}, "url"),
        ({"url": "https://example.com/a b"}, "url"),
        ({"url": "https://example.com\\@evil.org/"}, "url"),
        ({"url": "https://[::1/"}, "url"),
        ({"url": "https://127.1/"}, "url"),
        ({"url": "https://2130706433/"}, "url"),
        ({"url": "https://0x7f.1/"}, "url"),
        ({"url": "https://0177.0.0.1/"}, "url"),
        ({"url": "https://1.2.3.4.5/"}, "url"),
        ({"headers": {"X": 1}}, "headers"),
        ({"headers": {"X Y": "1"}}, "headers"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"headers": {"transfer-encoding": "chunked"}}, "headers"),
        ({"headers": {"X": "a\r\nY: b"}}, "headers"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": 1.5}, "rate_limit"),
    ],
)
def test_a_wrong_definition_is_refused_with_the_place_and_without_secrets(
    fields: dict[str, Any], place: str
) -> None:
    definition = endpoint("https://example.com/", headers={"X-Key": KEY}) | fields
    with pytest.raises(ValidationError) as caught:
        GRADER.validate_python(definition)
    assert any(place in fault["loc"] for fault in caught.value.errors())
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "trouble",
    [
        [error(400, f"your key {KEY}")],
        [error(500, f"Bearer {KEY}")] * 3,
        [Answer(body={"you sent": KEY})],
    ],
)
async def test_no_header_value_in_results_logs_or_representations(
    caplog: pytest.LogCaptureFixture, trouble: list[Answer]
) -> None:
    caplog.set_level(logging.DEBUG)
    definition = endpoint("https://example.com/", headers={"Authorization": f"Bearer {KEY}"})
    with serving_upstream(*trouble) as scorer:
        definition["url"] = f"{scorer.root}/"
        async with opened(scorer.root) as endpoints:
            result = await grade(endpoints, definition)
    assert scorer.received[0].headers["Authorization"] == f"Bearer {KEY}"
    assert KEY not in f"{result!r} {GRADER.validate_python(definition)!r} {caplog.text}"
    assert masked(definition["headers"]) == {"Authorization": "**********"}


async def test_cookies_of_one_call_do_not_reach_the_next() -> None:
    cookie = replace(SCORED, headers={"set-cookie": "tenant=a"})
    with serving_upstream(cookie, SCORED) as scorer:
        async with opened(f"http://localhost:{scorer.port}") as endpoints:
            for _ in range(2):
                await grade(endpoints, endpoint(f"http://localhost:{scorer.port}/"))
    assert "Cookie" not in scorer.received[1].headers


async def test_a_slow_scorer_beside_other_parts() -> None:
    with serving_upstream(slow(0.1, SCORED)) as scorer:
        parts = {
            "mine": endpoint(scorer.root),
            "exact": {
                "type": "string_check",
                "name": "e",
                "operation": "eq",
                "input": "a",
                "reference": "a",
            },
        }
        definition = {
            "type": "multi",
            "name": "m",
            "graders": parts,
            "calculate_output": "(mine + exact) / 2",
        }
        async with opened(scorer.root) as endpoints:
            result = await grade(endpoints, definition)
    assert result.reward == 0.75
