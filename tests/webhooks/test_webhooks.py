"""Events about runs, as a program of a user gets them and the official SDK reads them."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from grader_service.settings import Settings
from tests import postgres
from tests.definitions import STRING_CHECK
from tests.fakes.receiver import Receiver, receiving
from tests.processes import serving as serving_process
from tests.serving import serving

EVERY = ["eval.run.succeeded", "eval.run.failed", "eval.run.canceled"]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def service(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that may send to the receiver; every test is a tenant of its own."""
    settings = Settings(
        sandbox="off",
        log_level="error",
        data_dir=tmp_path_factory.mktemp("data"),
        webhook_hosts=f"{receiver.address},http://127.0.0.1:1",
        api_keys=",".join(f"tenant-{number}:key-{number}" for number in range(20)),
    )
    with serving(settings) as address:
        yield address


@pytest.fixture(scope="module")
def keys() -> Iterator[str]:
    return iter([f"key-{number}" for number in range(1, 20)])


@pytest.fixture
def sdk(service: str, keys: Iterator[str]) -> Iterator[openai.OpenAI]:
    with client(service, next(keys)) as sdk:
        yield sdk


@pytest.fixture
def other_sdk(service: str, keys: Iterator[str]) -> Iterator[openai.OpenAI]:
    with client(service, next(keys)) as sdk:
        yield sdk


def client(address: str, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0)


def run(sdk: openai.OpenAI) -> Any:
    """A run of one eval, at its end."""
    made = sdk.evals.create(
        data_source_config={"type": "custom", "item_schema": {}}, testing_criteria=[STRING_CHECK]
    )
    content = [{"item": {"answer": "Paris"}, "sample": {"output_text": "Paris"}}]
    started = sdk.evals.runs.create(
        made.id,
        data_source={"type": "jsonl", "source": {"type": "file_content", "content": content}},
    )
    end = time.monotonic() + 60
    while started.status in ("queued", "in_progress"):
        assert time.monotonic() < end
        time.sleep(0.05)
        started = sdk.evals.runs.retrieve(started.id, eval_id=made.id)
    return started


def test_the_sdk_unwraps_what_is_sent(sdk: openai.OpenAI, receiver: Receiver) -> None:
    hook = receiver.hook()
    made = sdk.webhooks.create(name="trainer", url=hook.url, event_types=EVERY)
    assert made.signing_secret.startswith("whsec_")
    ended = run(sdk)
    (sent,) = hook.wait(1)
    event = sdk.webhooks.unwrap(sent.body, sent.headers, secret=made.signing_secret)
    assert (event.type, event.data.id) == ("eval.run.succeeded", ended.id)
    assert event.object == "event"
    assert event.id == sent.headers["webhook-id"]
    assert abs(event.created_at - time.time()) < 60
    with pytest.raises(openai.InvalidWebhookSignatureError):
        sdk.webhooks.unwrap(sent.body + b" ", sent.headers, secret=made.signing_secret)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        sdk.webhooks.unwrap(sent.body, sent.headers, secret="whsec_AAAA")


def test_all_calls_of_the_sdk(sdk: openai.OpenAI, receiver: Receiver) -> None:
    url = receiver.hook().url
    made = [sdk.webhooks.create(name=f"hook {n}", url=url, event_types=EVERY[:1]) for n in range(3)]
    assert [hook.id for hook in sdk.webhooks.list(limit=2)] == [hook.id for hook in made]
    assert sdk.webhooks.event_types.list().data == EVERY
    first = made[0]
    shown = sdk.webhooks.retrieve(first.id)
    assert (shown.name, shown.url, shown.event_types) == ("hook 0", url, EVERY[:1])
    assert "signing_secret" not in shown.model_extra
    assert shown.signing_secret_hint == f"whsec_…{first.signing_secret[-4:]}"
    changed = sdk.webhooks.update(first.id, name="other", event_types=EVERY[1:])
    assert (changed.name, changed.event_types, changed.url) == ("other", EVERY[1:], url)
    assert sdk.webhooks.delete(first.id).deleted
    with pytest.raises(openai.NotFoundError):
        sdk.webhooks.retrieve(first.id)
    with pytest.raises(openai.NotFoundError):
        sdk.webhooks.delete(first.id)


def test_a_tenant_has_at_most_twenty(sdk: openai.OpenAI, receiver: Receiver) -> None:
    url = receiver.hook().url
    for number in range(20):
        sdk.webhooks.create(name=f"hook {number}", url=url, event_types=EVERY)
    with pytest.raises(openai.BadRequestError, match="delete one"):
        sdk.webhooks.create(name="one more", url=url, event_types=EVERY)


def test_a_sample_event_tells_how_it_was_answered(sdk: openai.OpenAI, receiver: Receiver) -> None:
    hook = receiver.hook(204, 503)
    made = sdk.webhooks.create(name="hook", url=hook.url, event_types=EVERY[:1])
    for status in (204, 503):
        tested = sdk.webhooks.test(made.id, event_type="eval.run.failed")
        assert (tested.status_code, tested.success) == (status, True)
    first, _ = hook.wait(2)
    event = sdk.webhooks.unwrap(first.body, first.headers, secret=made.signing_secret)
    assert event.type == "eval.run.failed"


def test_a_sample_event_that_nobody_takes(sdk: openai.OpenAI) -> None:
    made = sdk.webhooks.create(name="hook", url="http://127.0.0.1:1/", event_types=EVERY)
    with pytest.raises(openai.BadRequestError, match="cannot be reached") as caught:
        sdk.webhooks.test(made.id, event_type="eval.run.failed")
    assert caught.value.code == "webhook_unreachable"


def test_both_secrets_sign_for_a_day(sdk: openai.OpenAI, receiver: Receiver) -> None:
    hook = receiver.hook()
    made = sdk.webhooks.create(name="hook", url=hook.url, event_types=EVERY)
    kept = sdk.webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=True)
    assert kept.signing_secret != made.signing_secret
    sdk.webhooks.test(made.id, event_type="eval.run.failed")
    (sent,) = hook.wait(1)
    for secret in (made.signing_secret, kept.signing_secret):
        assert sdk.webhooks.unwrap(sent.body, sent.headers, secret=secret)
    newest = sdk.webhooks.rotate_secret(made.id)
    sdk.webhooks.test(made.id, event_type="eval.run.failed")
    last = hook.wait(2)[-1]
    assert sdk.webhooks.unwrap(last.body, last.headers, secret=newest.signing_secret)
    for secret in (made.signing_secret, kept.signing_secret):
        with pytest.raises(openai.InvalidWebhookSignatureError):
            sdk.webhooks.unwrap(last.body, last.headers, secret=secret)


def test_only_the_types_that_are_wanted(sdk: openai.OpenAI, receiver: Receiver) -> None:
    failures, ends = receiver.hook(), receiver.hook()
    sdk.webhooks.create(name="failures", url=failures.url, event_types=EVERY[1:2])
    run(sdk)
    sdk.webhooks.create(name="ends", url=ends.url, event_types=EVERY[:1])
    ended = run(sdk)
    (sent,) = ends.wait(1)
    assert json.loads(sent.body)["data"] == {"id": ended.id}
    assert failures.received == []


def test_a_cancelled_run_is_told(sdk: openai.OpenAI, receiver: Receiver) -> None:
    """Ends by the request that cancels it; one that was at its end already tells nothing more."""
    hook = receiver.hook()
    sdk.webhooks.create(name="hook", url=hook.url, event_types=EVERY)
    made = sdk.evals.create(
        data_source_config={"type": "custom", "item_schema": {}}, testing_criteria=[STRING_CHECK]
    )
    content = [{"item": {"answer": "Paris"}, "sample": {"output_text": "Paris"}}] * 5000
    started = sdk.evals.runs.create(
        made.id,
        data_source={"type": "jsonl", "source": {"type": "file_content", "content": content}},
    )
    ended = sdk.evals.runs.cancel(started.id, eval_id=made.id)
    assert ended.status == "canceled"
    (sent,) = hook.wait(1)
    event = json.loads(sent.body)
    assert (event["type"], event["data"]) == ("eval.run.canceled", {"id": started.id})


def test_a_receiver_that_fails_gets_the_same_event_again(
    sdk: openai.OpenAI, receiver: Receiver, service: str
) -> None:
    hook = receiver.hook(500)
    made = sdk.webhooks.create(name="hook", url=hook.url, event_types=EVERY)
    run(sdk)
    first, second = hook.wait(2)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert sdk.webhooks.unwrap(second.body, second.headers, secret=made.signing_secret)
    metrics = httpx.get(f"{service}/metrics").text
    assert 'grader_webhooks_total{outcome="failed"} 1.0' in metrics


def test_an_event_outlives_the_server(receiver: Receiver, tmp_path: Path) -> None:
    """Its receiver is away when the run ends, and back when another server has started."""
    hook = receiver.hook(500)
    settings = {"sandbox": "off", "data_dir": tmp_path, "webhook_hosts": receiver.address}
    with serving_process(**settings) as first, client(first.address) as sdk:
        made = sdk.webhooks.create(name="hook", url=hook.url, event_types=EVERY)
        ended = run(sdk)
        hook.wait(1)
        while 'outcome="failed"} 1.0' not in httpx.get(f"{first.address}/metrics").text:
            time.sleep(0.05)  # it has written down when to try again
        first.process.kill()
    with serving_process(**settings) as second, client(second.address) as sdk:
        sent = hook.wait(2, 120)[-1]
        event = sdk.webhooks.unwrap(sent.body, sent.headers, secret=made.signing_secret)
        assert event.data.id == ended.id


def test_tenants_have_their_own(
    sdk: openai.OpenAI, other_sdk: openai.OpenAI, receiver: Receiver
) -> None:
    hook = receiver.hook()
    made = sdk.webhooks.create(name="hook", url=hook.url, event_types=EVERY)
    assert list(other_sdk.webhooks.list()) == []
    for call in (
        other_sdk.webhooks.retrieve,
        other_sdk.webhooks.delete,
        other_sdk.webhooks.rotate_secret,
    ):
        with pytest.raises(openai.NotFoundError):
            call(made.id)
    run(other_sdk)
    ended = run(sdk)
    (sent,) = hook.wait(1)
    assert json.loads(sent.body)["data"] == {"id": ended.id}
    assert len(hook.received) == 1


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://example.com/hook", "not among the hosts that GRADER_WEBHOOK_HOSTS allows"),
        ("http://127.0.0.1:9/hook", "not among the hosts"),
        ("http://169.254.169.254/latest", "not among the hosts"),
        ("file:///etc/passwd", "cannot be called"),
        ("nonsense", "cannot be called"),
    ],
)
def test_other_addresses_are_refused(service: str, receiver: Receiver, url: str, told: str) -> None:
    with client(service, "key-0") as sdk:
        with pytest.raises(openai.BadRequestError, match=told) as caught:
            sdk.webhooks.create(name="hook", url=url, event_types=EVERY)
        assert caught.value.param == "url"
        made = sdk.webhooks.create(name="hook", url=receiver.hook().url, event_types=EVERY)
        with pytest.raises(openai.BadRequestError, match=told):
            sdk.webhooks.update(made.id, url=url)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"url": "https://x.example", "event_types": EVERY}, "name"),
        ({"name": "hook", "event_types": EVERY}, "url"),
        ({"name": "hook", "url": "https://x.example", "event_types": []}, "event_types"),
        (
            {"name": "hook", "url": "https://x.example", "event_types": ["batch.completed"]},
            "event_types[0]",
        ),
    ],
)
def test_faults_are_named(server: str, body: dict[str, Any], param: str) -> None:
    answer = httpx.post(f"{server}/v1/webhook_endpoints", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_off_without_hosts(server: str) -> None:
    body = {"name": "hook", "url": "https://x.example", "event_types": EVERY}
    answer = httpx.post(f"{server}/v1/webhook_endpoints", json=body)
    assert answer.status_code == 400
    assert "GRADER_WEBHOOK_HOSTS" in answer.json()["error"]["message"]


def test_a_name_with_a_nul_is_refused(sdk: openai.OpenAI, receiver: Receiver) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.webhooks.create(name="a\0b", url=receiver.hook().url, event_types=EVERY)
    assert caught.value.param == "name"


def test_a_host_that_no_resolver_takes_stops_nobody_elses_events(
    receiver: Receiver, tmp_path: Path
) -> None:
    settings = {"sandbox": "off", "data_dir": tmp_path, "webhook_hosts": f"*,{receiver.address}"}
    hook = receiver.hook()
    with serving_process(**settings) as server, client(server.address) as sdk:
        url = f"https://{'a' * 70}.example.com/"
        bad = sdk.webhooks.create(name="bad", url=url, event_types=EVERY)
        with pytest.raises(openai.BadRequestError) as caught:
            sdk.webhooks.test(bad.id, event_type=EVERY[0])
        assert caught.value.code == "webhook_unreachable"
        run(sdk)
        sdk.webhooks.delete(bad.id)
        sdk.webhooks.create(name="good", url=hook.url, event_types=EVERY)
        run(sdk)
        hook.wait(1)


def test_a_database_that_was_away_gets_its_events_sent(receiver: Receiver) -> None:
    binaries = postgres.programs()
    if binaries is None:
        pytest.skip("NOT TESTED ON POSTGRESQL: its programs are not here (apt install postgresql)")
    hook = receiver.hook()
    with (
        postgres.cluster(binaries) as own,
        serving_process(
            sandbox="off", database_url=own.new_database(), webhook_hosts=receiver.address
        ) as server,
        client(server.address) as sdk,
    ):
        sdk.webhooks.create(name="hook", url=hook.url, event_types=EVERY)
        own.stop()
        while server.log.read_text().count('"store_failed"') < 6:  # others look there, too
            time.sleep(0.05)
        own.start()
        end = time.monotonic() + 60
        while httpx.get(f"{server.address}/v1/evals").status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.05)
        run(sdk)
        hook.wait(1)
