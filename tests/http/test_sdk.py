"""The official SDK is the client that this server is for: every kind of grader, every class of error."""

import json

import openai
import pytest

from tests.definitions import EVERY, ITEM, MULTI, PYTHON, SCORE_MODEL, STRING_CHECK, TEXT_SIMILARITY


@pytest.fixture(params=["/v1", "", "/openai/v1"])
def client(server: str, request: pytest.FixtureRequest):
    with openai.OpenAI(base_url=server + request.param, api_key="none", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("grader", [STRING_CHECK, TEXT_SIMILARITY, MULTI], ids=lambda g: g["type"])
def test_runs_what_grades_in_process(client: openai.OpenAI, grader: dict) -> None:
    answer = client.fine_tuning.alpha.graders.run(grader=grader, model_sample="Paris", item=ITEM)
    assert answer.reward == 1.0
    assert answer.metadata.name == grader["name"]
    assert answer.metadata.type == grader["type"]
    assert answer.metadata.execution_time > 0
    raised = {key: value for key, value in answer.metadata.errors.to_dict().items() if value}
    assert raised == {}


def test_multi_shows_its_parts(client: openai.OpenAI) -> None:
    answer = client.fine_tuning.alpha.graders.run(grader=MULTI, model_sample="Pari", item=ITEM)
    assert answer.sub_rewards == answer.metadata.scores == {"exact": 0.0, "near": 8 / 9}
    assert answer.reward == 0.5 * 0.0 + 0.5 * (8 / 9)


@pytest.mark.parametrize(
    ("grader", "flag"),
    [(PYTHON, "python_grader_server_error"), (SCORE_MODEL, "model_grader_server_error")],
    ids=["python", "score_model"],
)
def test_what_cannot_be_had_raises_its_flag_and_is_no_score(
    client: openai.OpenAI, grader: dict, flag: str
) -> None:
    answer = client.fine_tuning.alpha.graders.run(grader=grader, model_sample="Paris", item=ITEM)
    errors = answer.metadata.errors.to_dict()
    assert errors[flag] is True
    assert errors[f"{flag}_details"]
    assert answer.reward == 0.0


def test_sandbox_off_has_a_type(client: openai.OpenAI) -> None:
    answer = client.fine_tuning.alpha.graders.run(grader=PYTHON, model_sample="x", item={})
    assert answer.metadata.errors.python_grader_server_error_type == "sandbox_off"


def echoed(client: openai.OpenAI, grader: dict) -> dict:
    """As it came: the SDK would order the keys anew, and warns of types that it has no class for."""
    answer = client.fine_tuning.alpha.graders.with_raw_response.validate(grader=grader)
    assert answer.parse().grader.type == grader["type"]
    return json.loads(answer.text)["grader"]


@pytest.mark.parametrize("kind", sorted(EVERY))
def test_validates_every_kind_and_echoes_it(client: openai.OpenAI, kind: str) -> None:
    sent = {**EVERY[kind], "of_a_later_version": {"kept": [1, None]}}
    echo = echoed(client, sent)
    if kind == "endpoint":
        assert echo["headers"] == {"X-Functions-Key": "**********"}
        sent = {**sent, "headers": echo["headers"]}
    assert echo == sent


def test_generated_name_comes_last_and_is_new_each_time(client: openai.OpenAI) -> None:
    nameless = {key: value for key, value in STRING_CHECK.items() if key != "name"}
    names = set()
    for _ in range(2):
        echo = echoed(client, nameless)
        assert list(echo)[-1] == "name"
        names.add(echo["name"])
    assert len(names) == 2
    assert all(
        name.startswith("grader-") and name[7:].isalnum() and len(name) == 19 for name in names
    )


def test_a_broken_grader_is_a_bad_request_with_its_place(client: openai.OpenAI) -> None:
    broken = {**STRING_CHECK, "operation": "neq"}
    with pytest.raises(openai.BadRequestError) as caught:
        client.fine_tuning.alpha.graders.validate(grader=broken)
    assert caught.value.param == "grader.operation"
    assert caught.value.type == "invalid_request_error"
    assert "'ne'" in str(caught.value)
    assert caught.value.request_id.startswith("req_")


async def test_async_client(server: str) -> None:
    async with openai.AsyncOpenAI(base_url=server + "/v1", api_key="none") as client:
        answer = await client.fine_tuning.alpha.graders.run(
            grader=STRING_CHECK, model_sample="Rome", item=ITEM
        )
    assert answer.reward == 0.0
    assert answer.metadata.errors.other_error is False


def test_azure_client(server: str) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=server, api_key="none", api_version="2025-04-01-preview"
    ) as client:
        answer = client.fine_tuning.alpha.graders.run(
            grader=STRING_CHECK, model_sample="Paris", item=ITEM
        )
        echo = client.fine_tuning.alpha.graders.validate(grader=STRING_CHECK).to_dict()
    assert answer.reward == 1.0
    assert echo["grader"] == STRING_CHECK
