"""The wire form of a data source that samples: what is taken, and where a fault is said to be."""

from typing import Any

import pytest

from grader_service.errors import RequestRefused
from grader_service.sampling.source import parse
from tests.fakes import upstream as fake
from tests.fakes.sampler import ScriptedSampler
from tests.fakes.upstream import serving_upstream
from tests.sampling.drawing import QUESTION, drawn, referring, source

TWO_FORMATS = {
    "response_format": {"type": "json_object"},
    "text": {"format": {"type": "json_object"}},
}


def params(**fields: Any) -> dict[str, Any]:
    return source(sampling_params=fields)


@pytest.mark.parametrize(
    ("definition", "param", "said"),
    [
        ({"type": "completions"}, "model", "Missing required parameter"),
        (source(type="jsonl"), "type", "'completions', 'responses'"),
        (source(model=""), "model", "at least 1 character"),
        (source(input_messages={"type": "templates"}), "input_messages.type", "'template'"),
        (source(input_messages=[QUESTION]), "input_messages", "expected an object"),
        (source(input_messages={"type": "template", "template": []}), "input_messages.template", "at least 1 item"),
        (source(QUESTION, {"role": "robot", "content": "x"}), "input_messages.template[1].role", "'robot'"),
        (source({"role": "user", "content": 5}), "input_messages.template[0].content", "write a string"),
        (source({"role": "user", "content": "{{item.x"}), "input_messages.template[0].content", "not closed"),
        (source({"role": "user", "content": "{{sample.output_text}}"}), "input_messages.template[0].content", "no sample before the model is asked"),
        (source({"role": "user", "content": ["a", {"type": "input_image", "image_url": "{{sample.model}}"}]}), "input_messages.template[0].content", "no sample"),
        (source({"role": "user", "content": {"type": "input_text", "txt": "x"}}), "input_messages.template[0].content.text", "did you mean 'text'"),
        (referring("messages"), "input_messages.item_reference", "item.messages"),
        (referring("sample.choices"), "input_messages.item_reference", "item.messages"),
        (referring("item"), "input_messages.item_reference", "name the key"),
        (referring("item.a}} {{item.b"), "input_messages.item_reference", "item.messages"),
        (referring("item.a b"), "input_messages.item_reference", "item.messages"),
        (params(temperature=3), "sampling_params.temperature", "less than or equal to 2"),
        (params(seed="42"), "sampling_params.seed", "expected an integer"),
        (params(max_completion_tokens=0), "sampling_params.max_completion_tokens", "greater than or equal"),
        (params(reasoning_effort="lots"), "sampling_params.reasoning_effort", "'lots'"),
        (params(tools=[{"name": "f"}]), "sampling_params.tools[0]", "has a type"),
        (params(tools=[{"type": "function"}]), "sampling_params.tools[0]", "has a name"),
        (params(tools=[{"type": "function", "name": "f"}] * 129), "sampling_params.tools", "at most 128"),
        (params(response_format={"type": "xml"}), "sampling_params.response_format.type", "'xml'"),
        (params(response_format={"type": "json_schema", "name": "a", "schema": {}}), "sampling_params.response_format.json_schema", "Missing"),
        (params(text={"format": {"type": "json_schema", "name": "a"}}), "sampling_params.text.format.schema", "Missing"),
        (params(**TWO_FORMATS), "sampling_params", "give one of them"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(definition: Any, param: str, said: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        parse(definition)
    assert (caught.value.param, caught.value.status) == (param, 400)
    assert said in caught.value.message


@pytest.mark.parametrize(
    "sampling_params",
    [
        None,
        {},
        {"temperature": None, "seed": None, "reasoning_effort": None, "tools": None, "text": None},
        {"text": {}},
        {"text": {"format": {"type": "text"}}},
        {"response_format": {"type": "text"}, "text": {"format": None}},
    ],
)
async def test_null_is_as_good_as_absent(sampling_params: Any) -> None:
    with serving_upstream(fake.completion("hello")) as upstream:
        await drawn(upstream, source(sampling_params=sampling_params, modalities=None))
    body = upstream.received[0].body
    assert set(body) == {"model", "messages", "temperature", "top_p", "max_tokens"}


async def test_every_content_form_reaches_the_model_with_its_templates_rendered() -> None:
    image = {"type": "input_image", "image_url": "https://x.test/{{item.word}}", "detail": "low"}
    audio = {"type": "input_audio", "input_audio": {"data": "{{item.word}}", "format": "mp3"}}
    definition = source(
        {"role": "developer", "content": "Be {{item.word}}"},
        {"role": "user", "type": "message", "content": {"type": "input_text", "text": "one"}},
        {"role": "assistant", "content": {"type": "output_text", "text": "{{ item.word }}!"}},
        {"role": "user", "content": ["a {{item.word}}", image, audio]},
        {"role": "user", "content": audio},
    )
    with serving_upstream(fake.completion("hello")) as upstream:
        await drawn(upstream, definition, {"word": "kind"})
    sound = {"type": "input_audio", "input_audio": {"data": "kind", "format": "mp3"}}
    assert upstream.prompts() == [
        [
            {"role": "developer", "content": "Be kind"},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "kind!"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a kind"},
                    {
                        "type": "image_url",
                        "image_url": {"url": "https://x.test/kind", "detail": "low"},
                    },
                    sound,
                ],
            },
            {"role": "user", "content": [sound]},
        ]
    ]


def test_what_is_not_known_is_told_and_not_sent() -> None:
    definition = source(type="responses", sampling_params={"top_k": 5, "temprature": 1, "seed": 1})
    warnings = parse(definition).check(ScriptedSampler())
    assert warnings == [
        "sampling_params.top_k is not known and not sent; did you mean top_p?",
        "sampling_params.temprature is not known and not sent; did you mean temperature?",
        "sampling_params.seed is not sent to upstreams with /responses",
    ]
