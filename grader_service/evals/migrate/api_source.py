"""Where evals come from: any server that speaks the Evals and Files APIs, read through the official SDK."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import openai
from openai._legacy_response import LegacyAPIResponse
from pydantic import SecretStr

from grader_service import jsontext
from grader_service.errors import CannotStart, GraderServiceError
from grader_service.evals.migrate.base import Interrupted, NotHandedOut, Told

PAGE: Final = 100
MAX_RETRIES: Final = 8
"""With the SDK's pauses of 0.5 to 8 s, or those that `Retry-After` names up to 120 s."""

MAX_DEPTH: Final = 200
PIECE_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """`azure_version` is the API version where the address is that of an Azure resource."""

    url: str
    key: SecretStr
    azure_version: str | None = None


class ApiSource:
    """Reads what the key may see."""

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client

    def evals(self) -> AsyncIterator[list[Told]]:
        """Pages of evals, the oldest first."""
        api = self._client.evals.with_raw_response
        return self._pages(lambda **page: api.list(order="asc", **page))

    def runs(self, eval_id: str) -> AsyncIterator[list[Told]]:
        """Pages of an eval's runs, the oldest first."""
        api = self._client.evals.runs.with_raw_response
        return self._pages(lambda **page: api.list(eval_id, order="asc", **page))

    def items(self, eval_id: str, run_id: str, after: str | None) -> AsyncIterator[list[Told]]:
        """Pages of a run's output items, those behind the item `after`."""
        api = self._client.evals.runs.output_items.with_raw_response
        return self._pages(
            lambda **page: api.list(run_id, eval_id=eval_id, order="asc", **page), after
        )

    def files(self) -> AsyncIterator[list[Told]]:
        """Pages of files of every purpose, the oldest first."""
        api = self._client.files.with_raw_response
        return self._pages(lambda **page: api.list(order="asc", **page))

    async def content(self, file_id: str) -> AsyncIterator[bytes]:
        """The pieces of a file. A connection that breaks meanwhile is NotHandedOut: begin anew."""
        api = self._client.files.with_streaming_response
        with _refusals():
            async with api.content(file_id) as response:
                async for piece in response.iter_bytes(PIECE_BYTES):
                    yield piece

    async def _pages(
        self, read: Callable[..., Awaitable[LegacyAPIResponse[Any]]], after: str | None = None
    ) -> AsyncIterator[list[Told]]:
        while True:
            with _refusals():
                answer = await read(limit=PAGE, **({} if after is None else {"after": after}))
            page = _page(answer.content)
            if page["data"]:
                yield page["data"]
            if not page["data"] or page.get("has_more") is False:
                return
            last = page["data"][-1]["id"]
            if last == after:
                raise NotHandedOut(f"its list does not go on behind {after!r}")
            after = last


class _refusals:  # noqa: N801 - reads as a statement
    """Turns the SDK's errors into ours."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, openai.APIStatusError):
            raise _refusal(error) from None
        if isinstance(error, openai.APIConnectionError):
            raise CannotStart(
                f"--from: the source does not answer any more: {error}; run migrate again, it goes on where it was"
            ) from None
        if isinstance(error, httpx2.HTTPError):
            raise Interrupted(f"the connection broke: {type(error).__name__}") from None


def _refusal(error: openai.APIStatusError) -> GraderServiceError:
    told = error.body.get("message") if isinstance(error.body, dict) else None
    reason = f"{error.status_code}: {str(told or error.message)[:300]}"
    if error.status_code == 401:
        return CannotStart(f"--key: the source refuses it: {reason}")
    if error.status_code == 429:
        return CannotStart(
            f"--from: the source wants to be left alone for a while: {reason}; run migrate again later, it goes on where it was"
        )
    return NotHandedOut(reason)


def _page(content: bytes) -> dict[str, Any]:
    page = _loads(content)
    objects = page.get("data") if isinstance(page, dict) else None
    if not isinstance(objects, list) or not all(_has_id(each) for each in objects):
        raise NotHandedOut("its answer is no list of objects")
    found: dict[str, Any] = page
    return found


def _has_id(told: Any) -> bool:
    return isinstance(told, dict) and isinstance(told.get("id"), str)


def _loads(content: bytes) -> Any:
    """Half a character that a model left behind becomes a question mark: no other store takes it."""
    try:
        return jsontext.loads(content, MAX_DEPTH)
    except jsontext.JsonError as error:
        try:
            return jsontext.loads(_whole(content), MAX_DEPTH)
        except ValueError:
            raise NotHandedOut(f"its answer is no JSON that can be kept: {error}") from None


def _whole(content: bytes) -> bytes:
    """Raises ValueError."""
    return json.dumps(json.loads(content), ensure_ascii=False).encode("utf-8", "replace")


@asynccontextmanager
async def open_source(origin: Origin) -> AsyncIterator[ApiSource]:
    """A client of the source, closed at the end."""
    key = origin.key.get_secret_value()
    client: openai.AsyncOpenAI
    if origin.azure_version is None:
        client = openai.AsyncOpenAI(base_url=origin.url, api_key=key, max_retries=MAX_RETRIES)
    else:
        client = openai.AsyncAzureOpenAI(
            azure_endpoint=origin.url,
            api_key=key,
            api_version=origin.azure_version,
            default_headers={"aoai-evals": "preview"},  # what its first version asked for
            max_retries=MAX_RETRIES,
        )
    async with client:
        yield ApiSource(client)
