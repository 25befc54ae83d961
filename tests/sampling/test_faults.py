"""What an upstream can do to a draw, and what a run may tell of it."""

import json
import logging
from pathlib import Path

import pytest

from grader_service.errors import (
    BudgetExhausted,
    CannotGrade,
    RequestRefused,
    SampleFiltered,
    SampleRejected,
    SamplerOff,
    SampleTimedOut,
    SampleUnavailable,
    TextTooLarge,
    Usage,
    VariableMissing,
)
from grader_service.events import JudgeAnswered, JudgeOpened
from grader_service.judge.open import open_llm
from grader_service.sampling.draw import draw, failed
from grader_service.sampling.source import parse
from grader_service.settings import Settings
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.judge.asking import Seen
from tests.sampling.drawing import MODEL, drawn, file, sampling, source

SOON = {"retry-after-ms": "1"}
KEY = "planted-key-8d1f"


@pytest.mark.parametrize(
    "trouble",
    [
        fake.throttled(retry_after_ms="20"),
        fake.replace(fake.error(503), headers=SOON),
        fake.broken_json(),
        fake.cut_short(),
        fake.Answer(raw=b'{"choices": [{"message": {"content": NaN}}]}'),
        fake.Answer(raw=b"[" * 100_000),
        fake.Answer(body={"choices": []}),
        fake.Answer(body={"error": {"message": "no GPU"}}),
        fake.completion(5),
        fake.completion([{"type": "text"}]),
        fake.completion(None, tool_calls=[{"id": "a", "type": "function"}]),
        fake.completion(None, tool_calls=[{"function": "add"}]),
        fake.completion(None, tool_calls=5),
    ],
)
async def test_what_may_pass_is_tried_again(trouble: fake.Answer) -> None:
    with serving_upstream(trouble, fake.completion("hello")) as upstream:
        assert (await drawn(upstream, source())).sample["output_text"] == "hello"


@pytest.mark.parametrize(
    ("script", "kind", "said"),
    [
        ([fake.throttled(retry_after_ms="1")] * 4, SampleUnavailable, "slow down (after 4 tries)"),
        ([fake.replace(fake.error(500, "disk"), headers=SOON)] * 4, SampleUnavailable, "answered 500: disk"),
        ([fake.error(401, "bad key")], SampleRejected, "look at the key"),
        ([fake.error(404, "no such model")], SampleRejected, "answered 404: no such model"),
        ([fake.form_unknown()], SampleRejected, "'json_schema' is not supported"),
        ([fake.error(400, "no", code="content_filter")], SampleFiltered, "stopped the prompt"),
        ([fake.filtered()], SampleFiltered, "stopped the model's answer"),
        ([fake.error(400, "long", code="context_length_exceeded")], TextTooLarge, "too long"),
    ],
)  # fmt: skip
async def test_what_does_not_pass_is_told_in_words_of_its_own(
    script: list[fake.Answer], kind: type[CannotGrade], said: str
) -> None:
    with serving_upstream(*script) as upstream, pytest.raises(kind) as caught:
        await drawn(upstream, source())
    assert said in caught.value.details
    assert "judge" not in caught.value.details


async def test_an_upstream_that_hangs_is_given_up(tmp_path: Path) -> None:
    with serving_upstream(fake.hanging(), fake.completion("hello")) as upstream:
        judges = file(tmp_path, upstream, sample_timeout_seconds=0.2, timeout_seconds=0.01)
        assert (await drawn(upstream, source(), judges=judges)).sample["output_text"] == "hello"
    with serving_upstream(fake.hanging()) as upstream, pytest.raises(SampleTimedOut):
        await drawn(upstream, source(), sample_timeout_seconds=0.2)


async def test_an_answer_may_take_longer_than_a_verdict(tmp_path: Path) -> None:
    with serving_upstream(fake.slow(0.5, fake.completion("hello"))) as upstream:
        judges = file(tmp_path, upstream, timeout_seconds=0.1)
        settings = {"judges": judges, "judge_timeout_seconds": 0.1}
        assert (await drawn(upstream, source(), **settings)).sample["output_text"] == "hello"


async def test_no_turn_in_time_names_the_setting(tmp_path: Path) -> None:
    with serving_upstream(default=fake.completion("hello")) as upstream:
        judges = file(tmp_path, upstream, requests_per_minute=1)
        async with sampling(upstream, judges=judges, sample_timeout_seconds=1.5) as sampler:
            await draw(parse(source()), {"word": "x"}, sampler)
            with pytest.raises(SampleTimedOut, match="GRADER_SAMPLE_TIMEOUT_SECONDS"):
                await draw(parse(source()), {"word": "x"}, sampler)
    assert len(upstream.received) == 1


async def test_the_budget_holds_for_samples_too(tmp_path: Path) -> None:
    price = {"input": 0.0, "output": 1e6}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    one = source(sampling_params={"max_completion_tokens": 2})
    with serving_upstream(fake.completion("hello", usage=usage)) as upstream:
        judges = file(tmp_path, upstream, rule={"price": price})
        settings = {"judges": judges, "state_dir": tmp_path, "budget_total": 3.0}
        async with sampling(upstream, **settings) as sampler:
            await draw(parse(one), {"word": "x"}, sampler)
            with pytest.raises(BudgetExhausted, match="1 is left"):
                await draw(parse(one), {"word": "x"}, sampler)


async def test_each_call_is_told_to_the_metrics_under_a_name_of_the_configuration() -> None:
    seen = Seen()
    with serving_upstream(fake.completion("x"), fake.refusal()) as upstream:
        async with sampling(upstream, seen) as sampler:
            for model in ("invented-by-a-caller", "gpt-4o"):
                await draw(parse(source(model=model)), {"word": "x"}, sampler)
    told = [(event.upstream, event.model, event.outcome) for event in seen.of(JudgeAnswered)]
    assert told == [("llm", "*", "answered"), ("llm", "gpt-4o", "refused")]
    (opened,) = seen.of(JudgeOpened)
    assert {("llm", "*"), ("llm", "gpt-4o")} <= set(opened.models)


async def test_models_are_found_in_sampled_before_those_of_judges(tmp_path: Path) -> None:
    with serving_upstream(default=fake.completion("x")) as upstream:
        path = tmp_path / "judges.yaml"
        rules = {
            "models": {"gpt-4o": {"upstream": "a", "model": "judge"}, "o*": {"upstream": "a"}},
            "sampled": {
                "mine": {"upstream": "a", "model": "exact"},
                "m*": {"upstream": "a", "model": "pattern"},
                "g*": {"upstream": "a", "model": "never"},
            },
        }
        path.write_text(json.dumps({"upstreams": {"a": {"base_url": upstream.base_url}}} | rules))
        async with sampling(upstream, judges=path) as sampler:
            for model in ("mine", "more", "gpt-4o", "o4-mini"):
                await draw(parse(source(model=model)), {"word": "x"}, sampler)
            with pytest.raises(RequestRefused, match="Unknown model 'x'") as caught:
                parse(source(model="x")).check(sampler)
            with pytest.raises(SampleRejected, match="Unknown model 'x'"):
                await draw(parse(source(model="x")), {"word": "x"}, sampler)
    assert caught.value.param == "model"
    asked = [request.body["model"] for request in upstream.received]
    assert asked == ["exact", "pattern", "judge", "o4-mini"]


async def test_one_upstream_is_sampled_by_any_name_and_by_the_local_one_of_known_judges() -> None:
    with serving_upstream(default=fake.completion("x")) as upstream:
        async with sampling(upstream, llm_model="qwen3-32b") as sampler:
            for model in ("gpt-4o", "llama-4"):
                await draw(parse(source(model=model)), {"word": "x"}, sampler)
    assert [request.body["model"] for request in upstream.received] == ["qwen3-32b", "llama-4"]


async def test_without_an_upstream_a_run_is_refused_with_what_to_do() -> None:
    async with open_llm(Settings(), Seen()) as llm:
        with pytest.raises(RequestRefused, match="GRADER_LLM_BASE_URL") as caught:
            parse(source()).check(llm.sampler)
        with pytest.raises(SamplerOff, match="GRADER_LLM_BASE_URL"):
            await draw(parse(source()), {"word": "x"}, llm.sampler)
    assert caught.value.param == "model"


async def test_a_row_without_what_the_messages_name_is_not_sent() -> None:
    with serving_upstream() as upstream, pytest.raises(VariableMissing, match="word"):
        await drawn(upstream, source(), {"wort": "x"})


def test_the_output_item_of_a_failed_draw_has_the_prompt_the_error_and_an_output() -> None:
    spent = {fake.MODEL: Usage(100, 20, 120, 40)}
    error = SampleFiltered("the filter stopped it", spent=spent)
    told = failed(parse(source(sampling_params={"seed": 3})), {"word": "x"}, error)
    assert told["error"] == {"code": "sample_filtered", "message": "the filter stopped it"}
    assert told["input"] == [{"role": "user", "content": "Say x"}]
    assert told["output"] == [{"role": "assistant", "content": ""}]
    assert (told["model"], told["seed"]) == (MODEL, 3)
    assert told["usage"]["total_tokens"] == 120
    without = failed(parse(source()), {}, VariableMissing("no word"))
    assert without["input"] == []
    assert set(without) == set(told)


async def test_no_key_comes_out_with_what_an_upstream_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    call = fake.tool_call(KEY, {"k": KEY})
    script = [
        fake.completion(f"my key is {KEY}", reasoning=f"{KEY}?", tool_calls=[call]),
        fake.response(f"my key is {KEY}", {"type": "mcp_call", KEY: [KEY]}),
        fake.error(400, f"bad {KEY}"),
        fake.response(status="failed", error={"code": "invalid_prompt", "message": KEY}),
    ]
    with serving_upstream(*script) as upstream:
        async with sampling(upstream, llm_api_key=KEY) as sampler:
            told = [
                repr(await draw(parse(source(type=kind)), {"word": "x"}, sampler))
                for kind in ("completions", "responses")
            ]
            for kind in ("completions", "responses"):
                with pytest.raises(CannotGrade) as caught:
                    await draw(parse(source(type=kind)), {"word": "x"}, sampler)
                told.append(repr(caught.value))
    assert upstream.received[0].headers["Authorization"] == f"Bearer {KEY}"
    assert "[key]" in told[0]
    assert [text for text in [*told, caplog.text] if KEY in text] == []


async def test_a_broken_character_of_a_model_can_be_sent_on() -> None:
    """Half an emoji is what a token limit leaves; as it is, no grader and no caller could be told."""
    body = b'{"choices": [{"message": {"content": "ok \\ud83d"}, "finish_reason": "length"}]}'
    with serving_upstream(fake.Answer(raw=body)) as upstream:
        result = await drawn(upstream, source())
    assert result.sample["output_text"] == "ok \ufffd"
    json.dumps(dict(result.sample), ensure_ascii=False).encode()
