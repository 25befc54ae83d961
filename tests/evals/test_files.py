"""`client.files` of the official SDK."""

import json
import re
import time

import httpx
import openai
import pytest

from grader_service.settings import Settings
from tests.evals.asking import counts, make_eval, stored, wait
from tests.serving import serving


def test_a_file_goes_round(client: openai.OpenAI) -> None:
    content = bytes(range(256)) * 20_000
    before = time.time()
    file = client.files.create(file=("d\u00e4ta.jsonl", content), purpose="evals")
    assert re.fullmatch(r"file-[0-9A-Za-z]{22}", file.id)
    assert (file.object, file.bytes, file.filename) == ("file", len(content), "d\u00e4ta.jsonl")
    assert (file.purpose, file.status) == ("evals", "processed")
    assert (file.expires_at, file.status_details) == (None, None)
    assert before - 1 <= file.created_at <= time.time()
    assert client.files.retrieve(file.id) == file
    assert client.files.wait_for_processing(file.id, poll_interval=0.01) == file
    assert client.files.content(file.id).content == content
    gone = client.files.delete(file.id)
    assert (gone.id, gone.object, gone.deleted) == (file.id, "file", True)
    for call in (client.files.retrieve, client.files.delete, client.files.content):
        with pytest.raises(openai.NotFoundError):
            call(file.id)


@pytest.mark.parametrize("purpose", ["evals", "fine-tune", "user_data", "batch", "vision"])
def test_purposes(client: openai.OpenAI, purpose: str) -> None:
    file = client.files.create(file=b"", purpose=purpose)
    assert (file.purpose, file.bytes) == (purpose, 0)
    assert file.id in [found.id for found in client.files.list(purpose=purpose)]
    other = "assistants"
    assert file.id not in [found.id for found in client.files.list(purpose=other)]


def test_the_newest_comes_first_over_several_pages(client: openai.OpenAI) -> None:
    made = [client.files.create(file=str(n).encode(), purpose="vision").id for n in range(5)]
    found = [file.id for file in client.files.list(purpose="vision", limit=2)]
    assert [file_id for file_id in found if file_id in made] == made[::-1]
    oldest = [file.id for file in client.files.list(purpose="vision", limit=2, order="asc")]
    assert oldest == found[::-1]
    assert list(client.files.list(purpose="nothing")) == []


def test_an_expiry_is_kept(client: openai.OpenAI) -> None:
    expires_after = {"anchor": "created_at", "seconds": 3600}
    file = client.files.create(file=b"x", purpose="evals", expires_after=expires_after)
    assert file.expires_at == file.created_at + 3600


FORM = {"purpose": "evals"}
FILE = {"file": ("a.jsonl", b"{}")}


@pytest.mark.parametrize(
    ("data", "files", "param"),
    [
        ({}, FILE, "purpose"),
        ({"purpose": "fun"}, FILE, "purpose"),
        (FORM, {"data": ("a", b"{}")}, "file"),
        (FORM, [("file", ("a", b"{}")), ("file", ("b", b"{}"))], "file"),
        ({**FORM, "expires_after[seconds]": "3600"}, FILE, "expires_after.anchor"),
        ({**FORM, "expires_after[anchor]": "now"}, FILE, "expires_after.anchor"),
        (
            {**FORM, "expires_after[anchor]": "created_at", "expires_after[seconds]": "1"},
            FILE,
            "expires_after.seconds",
        ),
        (
            {**FORM, "expires_after[anchor]": "created_at", "expires_after[seconds]": "soon"},
            FILE,
            "expires_after.seconds",
        ),
        ({**FORM, "x": "y" * 10_000}, FILE, "x"),
    ],
)
def test_a_form_that_is_not_right(address: str, data: dict, files: object, param: str) -> None:
    before = httpx.get(f"{address}/v1/files").json()["data"]
    answer = httpx.post(f"{address}/v1/files", data=data, files=files)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert httpx.get(f"{address}/v1/files").json()["data"] == before


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 415),
        ("multipart/form-data; boundary=x", b"no form", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data", 400),
        ("multipart/form-data; boundary=" + "x" * 1000, b"", 400),
    ],
)
def test_what_is_no_form(address: str, content_type: str, body: bytes, status: int) -> None:
    answer = httpx.post(f"{address}/v1/files", content=body, headers={"content-type": content_type})
    assert answer.status_code == status, answer.text


def test_the_file_may_come_before_its_purpose(address: str) -> None:
    """As `curl -F file=@… -F purpose=…` sends it."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n'
        b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nevals\r\n--x--\r\n'
    )
    answer = httpx.post(
        f"{address}/v1/files",
        content=body,
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert (answer.json()["bytes"], answer.json()["purpose"]) == (3, "evals")


def test_sizes_are_bounded_for_each_route(tmp_path) -> None:
    """Rows and files may be large, everything else stays small; an upload that is refused leaves nothing."""
    settings = Settings(
        sandbox="off",
        log_level="error",
        data_dir=tmp_path,
        max_body_bytes=2048,
        max_file_bytes=200_000,
        max_run_bytes=100_000,
    )
    with (
        serving(settings) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client,
    ):
        made = make_eval(client)
        line = (
            json.dumps(
                {"item": {"answer": "x" * 1000}, "sample": {"output_text": "x" * 1000}}
            ).encode()
            + b"\n"
        )
        file = client.files.create(file=line * 90, purpose="evals")
        run = wait(client, client.evals.runs.create(made.id, data_source=stored(file.id)))
        assert counts(run) == (90, 90, 0, 0)
        for size, setting in ((100, "GRADER_MAX_FILE_BYTES"), (150, "GRADER_MAX_FILE_BYTES")):
            with pytest.raises(openai.APIStatusError) as caught:
                client.files.create(file=line * size, purpose="evals")
            assert caught.value.status_code == 413
            assert setting in str(caught.value)
        rows = [json.loads(line)] * 40
        source = {"type": "jsonl", "source": {"type": "file_content", "content": rows}}
        run = wait(client, client.evals.runs.create(made.id, data_source=source))
        assert counts(run) == (40, 40, 0, 0)
        shown = run.data_source.source
        assert (shown.content_truncated, shown.content_rows) == (True, 40)
        assert 0 < len(shown.content) < 40
        source["source"]["content"] = rows * 2
        with pytest.raises(openai.APIStatusError) as caught:
            client.evals.runs.create(made.id, data_source=source)
        assert caught.value.status_code == 413
        assert "GRADER_MAX_RUN_BYTES" in str(caught.value)
        with pytest.raises(openai.APIStatusError) as caught:
            client.evals.update(made.id, name="x" * 3000)
        assert "GRADER_MAX_BODY_BYTES" in str(caught.value)
        assert [found.id for found in client.files.list()] == [file.id]
