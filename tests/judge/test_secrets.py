"""A planted key must not come out anywhere: results, errors, events, logs, representations, the record of spending."""

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from grader_service.errors import CannotGrade, CannotStart
from grader_service.graders import GRADER
from grader_service.judge.open import open_llm, read_configuration
from grader_service.settings import Settings
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.judge.asking import Seen, configuration, context, grade, judging, score_model

KEY = "planted-key-8d1f"
SOON = {"retry-after-ms": "1"}


def _shouting(status: int, **rest: Any) -> fake.Answer:
    """An error that tells the key, as some gateways do."""
    error = fake.error(status, f"bad key {KEY}, {KEY[:-4]}****", **rest)
    return fake.replace(error, headers=SOON | {"x-echo": KEY})


def _contents(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "trouble",
    [
        [_shouting(400)],
        [_shouting(401)],
        [_shouting(403)],
        [_shouting(404)],
        [_shouting(429)] * 4,
        [_shouting(500)] * 4,
        [_shouting(400, param="response_format")] * 3,
        [fake.completion(f"my key is {KEY}")],
        [fake.completion(None, refusal=f"I will not tell {KEY}")],
        [fake.Answer(raw=f"not json {KEY}".encode(), headers=SOON)] * 4,
    ],
)
async def test_no_key_in_results_events_or_logs(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    trouble: list[fake.Answer],
) -> None:
    seen = Seen()
    caplog.set_level(logging.DEBUG)
    with serving_upstream(*trouble) as upstream:
        file = configuration(tmp_path, upstream, api_key_env="TESTS_PLANTED")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TESTS_PLANTED", KEY)
            settings = {"judges": file, "state_dir": tmp_path / "state", "budget_total": 100}
            async with judging(upstream, seen, **settings) as judge:
                result = await grade(judge, score_model())
                told = [repr(result), repr(seen), repr(judge), str(vars(judge))]
    assert result.state != "value"
    assert upstream.received[0].headers["Authorization"] == f"Bearer {KEY}"
    told += [caplog.text, *capfd.readouterr()]
    told += _contents(tmp_path)
    assert [text for text in told if KEY in text] == []


async def test_no_key_in_tracebacks() -> None:
    """What an exception tells must be clean, its causes and contexts too."""
    with serving_upstream(_shouting(400)) as upstream:
        async with judging(upstream, llm_api_key=KEY) as judge:
            with pytest.raises(CannotGrade) as caught:
                await GRADER.validate_python(score_model()).score(context(judge))
    assert KEY not in "".join(traceback.format_exception(caught.value))


async def test_no_key_in_representations_or_when_the_start_fails(tmp_path: Path) -> None:
    settings = Settings(
        llm_base_url="http://127.0.0.1:1/v1",
        llm_api_key=KEY,
        judge_cache=f"redis://:{KEY}@127.0.0.1:x",
    )
    with pytest.raises(CannotStart) as caught:
        async with open_llm(settings, Seen()):
            pass
    assert KEY not in f"{settings!r} {read_configuration(settings)!r} {caught.value}"
    file = tmp_path / "judges.yaml"
    file.write_text(
        f"upstreams: {{u: {{base_url: http://127.0.0.1:1, api_key_env: {KEY}}}}}\nmodels: {{m: {{upstream: u}}}}"
    )
    with pytest.raises(CannotStart) as caught:
        read_configuration(Settings(judges=file))
    assert KEY not in str(caught.value)


async def test_the_machines_own_variables_do_not_go_to_the_upstream() -> None:
    mine = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_ADMIN_KEY": KEY,
        "OPENAI_ORG_ID": KEY,
        "OPENAI_PROJECT_ID": KEY,
        "OPENAI_CUSTOM_HEADERS": f"X-Mine: {KEY}",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }
    with serving_upstream(fake.verdict(1)) as upstream, pytest.MonkeyPatch.context() as patch:
        for name, value in mine.items():
            patch.setenv(name, value)
        async with judging(upstream) as judge:
            assert (await grade(judge, score_model())).reward == 1
    assert KEY not in repr(upstream.received)


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    with serving_upstream() as elsewhere:
        location = {"location": f"{elsewhere.base_url}/chat/completions"}
        with serving_upstream(fake.Answer(307, headers=location)) as upstream:
            async with judging(upstream, llm_api_key=KEY) as judge:
                result = await grade(judge, score_model())
    assert [cause.kind for cause in result.causes] == ["judge_rejected"]
