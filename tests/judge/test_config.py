"""Which upstream answers for which model; a fault in the configuration ends the start with one line."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from grader_service.errors import CannotStart, InvalidGrader
from grader_service.graders import GRADER
from grader_service.judge import config
from grader_service.judge.config import KNOWN_MODELS
from grader_service.judge.off import NoJudge
from grader_service.judge.open import open_llm, read_configuration
from grader_service.settings import Settings
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.judge.asking import Seen, context, grade, judging, score_model

GOOD = """\
upstreams:
  near: {base_url: http://127.0.0.1:1/v1}
models:
  gpt-4o: {upstream: near}
"""


async def _open(path: Path, **settings: Any) -> None:
    async with open_llm(Settings(judges=path, **settings), Seen()):
        pass


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "write a map with `upstreams` and `models`"),
        ("upstreams: [", 1, "mend the YAML"),
        ("upstreams:\n\t- x", 2, "mend the YAML"),
        ("upstreams: {}\nmodels: {a: {upstream: b}}", 1, "upstreams: "),
        (GOOD.replace("models", "modells"), 3, "modells: "),
        (
            GOOD.replace("base_url: http://127.0.0.1:1/v1", ""),
            2,
            "upstreams.near.base_url: Field required; add it",
        ),
        (
            GOOD.replace("base_url", "url"),
            2,
            "upstreams.near.url: Extra inputs are not permitted; remove it or mend its name",
        ),
        (GOOD.replace("http://127.0.0.1:1/v1", "127.0.0.1:1"), 2, "upstreams.near.base_url: "),
        (GOOD.replace("http://", "http://user:secret@"), 2, "upstreams.near.base_url: "),
        (
            GOOD.replace("upstream: near", "upstream: far"),
            1,
            "'gpt-4o' names the upstream 'far', and there are only 'near'",
        ),
        (GOOD.replace("/v1}", "/v1, concurrency: 0}"), 2, "upstreams.near.concurrency: "),
        (GOOD.replace("/v1}", "/v1, kind: gcp}"), 2, "upstreams.near.kind: "),
        (
            GOOD.replace("/v1}", "/v1, api_key: sk-1}"),
            2,
            "upstreams.near.api_key: Extra inputs are not permitted; remove it",
        ),
        (
            GOOD.replace("/v1}", "/v1, api_key_env: GRADER_TESTS_NOT_SET}"),
            2,
            "upstreams.near.api_key_env: the environment variable that it names is not set",
        ),
        (GOOD.replace("near}", "near, price: {input: -1}}", 1), 4, "models.gpt-4o.price.input: "),
    ],
)
async def test_a_fault_in_the_file_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    path = tmp_path / "judges.yaml"
    path.write_text(text)
    with pytest.raises(CannotStart) as caught:
        await _open(path)
    told = str(caught.value)
    assert told.startswith(f"GRADER_JUDGES: {path}:{line}:")
    assert said in told
    assert "\n" not in told
    assert "secret" not in told
    assert "sk-1" not in told


async def test_a_file_that_is_not_there_and_two_ways_at_once(tmp_path: Path) -> None:
    path = tmp_path / "judges.yaml"
    with pytest.raises(CannotStart, match="cannot be read: No such file"):
        await _open(path)
    path.write_text(GOOD)
    with pytest.raises(CannotStart, match="both set"):
        await _open(path, llm_base_url="http://127.0.0.1:1/v1")
    await _open(path)


async def test_an_address_that_is_none() -> None:
    with pytest.raises(CannotStart, match="GRADER_LLM_BASE_URL"):
        async with open_llm(Settings(llm_base_url="localhost:8000"), Seen()):
            pass


async def test_names_win_over_patterns_and_earlier_patterns_over_later(tmp_path: Path) -> None:
    with (
        serving_upstream(default=fake.verdict(1)) as first,
        serving_upstream(default=fake.verdict(0)) as second,
    ):
        path = tmp_path / "judges.yaml"
        path.write_text(
            f"""\
upstreams:
  first: {{base_url: "{first.base_url}"}}
  second: {{base_url: "{second.base_url}"}}
models:
  "gpt-*": {{upstream: first}}
  "gpt-4o*": {{upstream: second, model: never}}
  gpt-4o-mini: {{upstream: second, model: small}}
  "o3*": {{upstream: second, model: qwen3}}
  judge-r1: {{upstream: second, reasoning: true}}
"""
        )
        async with judging(first, judges=path) as judge:
            rewards = [
                (await grade(judge, score_model(model=model))).reward
                for model in ("gpt-4o", "gpt-4o-mini", "o3-mini", "judge-r1")
            ]
            with pytest.raises(InvalidGrader, match="'judge-r1', "):
                judge.check_model("judge-r2")
            unknown = await grade(judge, score_model(model="judge-r2"))
    assert rewards == [1, 0, 0, 0]
    assert [request.body["model"] for request in first.received] == ["gpt-4o"]
    assert [request.body["model"] for request in second.received] == ["small", "qwen3", "judge-r1"]
    temperatures = ["temperature" in request.body for request in second.received]
    assert temperatures == [True, True, False]
    assert [cause.kind for cause in unknown.causes] == ["judge_rejected"]


@pytest.mark.parametrize("model", KNOWN_MODELS)
async def test_every_known_model_can_be_pointed_at_a_local_one(model: str) -> None:
    with serving_upstream(fake.verdict(1)) as upstream:
        async with judging(upstream, llm_model="qwen3-32b") as judge:
            await GRADER.validate_python(score_model(model=model)).check(context(judge).engines)
            assert (await grade(judge, score_model(model=model))).reward == 1
    assert upstream.received[0].body["model"] == "qwen3-32b"
    assert upstream.received[0].body["temperature"] == 1.0


async def test_without_an_upstream_model_graders_fail_and_say_what_to_do() -> None:
    async with open_llm(Settings(), Seen()) as llm:
        judge = llm.judge
        assert isinstance(judge, NoJudge)
        assert await GRADER.validate_python(score_model()).check(context(judge).engines) == []
        result = await grade(judge, score_model())
    (cause,) = result.causes
    assert (cause.kind, result.state, result.retryable) == ("judge_off", "failed", False)
    assert "GRADER_LLM_BASE_URL" in cause.details


def test_a_server_without_a_judge_does_not_carry_the_sdk() -> None:
    program = (
        "import asyncio, sys\n"
        "from grader_service.judge.open import open_llm\n"
        "from grader_service.endpoints.open import open_endpoints\n"
        "from grader_service.graders import GRADER\n"
        "from grader_service.settings import Settings\n"
        "async def main():\n"
        "    async with open_llm(Settings(), print), open_endpoints(Settings()):\n"
        "        print([name for name in ('openai', 'aiohttp', 'redis') if name in sys.modules])\n"
        "asyncio.run(main())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_the_documented_file_is_right(tmp_path: Path) -> None:
    assert config.__doc__ is not None
    path = tmp_path / "judges.yaml"
    path.write_text(textwrap.dedent(config.__doc__.split("\n\n")[1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCAL_KEY", "local-secret")
        patch.setenv("AZURE_KEY", "azure-secret")
        configuration = read_configuration(Settings(judges=path))
    assert configuration is not None
    assert set(configuration.keys) == {"local", "azure"}
    assert configuration.models["*"].real_model("o3") == "qwen3-32b"
