"""One upstream's API through the `openai` SDK. Only this module and `faults` import it: it costs some 30 MB."""

import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
from openai._types import RequestOptions

from grader_service.errors import Usage
from grader_service.judge import faults
from grader_service.judge.config import Upstream
from grader_service.trace import outgoing

KEEPALIVE_SECONDS = 4.0
"""Less than the 5 s after which common servers close an idle connection under a request."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What an upstream answered; `usage` is None where it did not say."""

    text: str
    refusal: str | None
    finish_reason: str | None
    model: str
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer, without the key and without lone surrogates; `usage` is None where there is none."""

    body: Mapping[str, Any]
    model: str
    usage: Usage | None


class Client:
    """Sends one request, once; whatever goes wrong is a `faults.TryFailed`."""

    def __init__(
        self, name: str, api: openai.AsyncOpenAI, key: str, connect_seconds: float
    ) -> None:
        self.name = name
        self._connect_seconds = connect_seconds
        self._api = api
        self._key = key

    async def chat(self, body: Mapping[str, Any]) -> Completion:
        answer = await self._post("/chat/completions", body)
        try:
            choice = answer["choices"][0]
            message = choice["message"]
            text = message.get("content") or ""
            refusal, finish = message.get("refusal"), choice.get("finish_reason")
        except (KeyError, IndexError, TypeError, AttributeError):
            raise faults.broken(self.name, "no choices[0].message") from None
        if not isinstance(text, str):
            raise faults.broken(self.name, "choices[0].message.content is no text")
        text = faults.scrub(text, self._key)
        refusal = faults.scrub(refusal, self._key) if isinstance(refusal, str) else None
        return Completion(text, refusal, finish, _model(answer, body), _usage(answer))

    async def generate(self, path: str, body: Mapping[str, Any], seconds: float) -> Answered:
        """Any answer that is a JSON object; `seconds` in place of the upstream's timeout."""
        limits = httpx2.Timeout(seconds, connect=self._connect_seconds)
        answer = self._clean(await self._post(path, body, {"timeout": limits}))
        return Answered(answer, _model(answer, body), _usage(answer))

    async def embed(
        self, body: Mapping[str, Any]
    ) -> tuple[tuple[tuple[float, ...], ...], str, Usage | None]:
        """The vectors in the order of the input, the model, and the tokens."""
        answer = await self._post("/embeddings", body)
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            vectors = tuple(tuple(float(x) for x in row["embedding"]) for row in rows)
        except (KeyError, TypeError, ValueError):
            raise faults.broken(self.name, "no data[].embedding") from None
        if len(vectors) != len(body["input"]) or not all(map(_usable, vectors)):
            raise faults.broken(self.name, "not one finite vector for each text")
        return vectors, _model(answer, body), _usage(answer)

    async def _post(
        self, path: str, body: Mapping[str, Any], options: RequestOptions | None = None
    ) -> dict[str, Any]:
        try:
            response = await self._api.post(
                path,
                body=body,
                cast_to=httpx2.Response,
                options={**(options or {}), "headers": outgoing()},
            )
            answer = json.loads(response.content, parse_constant=_refuse_constant)
        except openai.APIConnectionError as error:
            raise faults.no_answer(self.name, error) from None
        except openai.APIStatusError as error:
            raise faults.refused(self.name, error, self._key) from None
        except (ValueError, RecursionError):
            raise faults.broken(self.name, "no JSON") from None
        if not isinstance(answer, dict):
            raise faults.broken(self.name, "no JSON object")
        return answer

    def _clean(self, value: Any) -> Any:
        """Sampled text goes on to graders and callers: without the key, and encodable."""
        if isinstance(value, str):
            return faults.scrub(
                value.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), self._key
            )
        if isinstance(value, list):
            return [self._clean(element) for element in value]
        if isinstance(value, dict):
            return {self._clean(key): self._clean(element) for key, element in value.items()}
        return value


@asynccontextmanager
async def open_client(name: str, upstream: Upstream, key: str) -> AsyncIterator[Client]:
    """A client for as long as its connections live.

    The aiohttp transport, since the SDK's usual one needs time quadratic in the queued requests.
    No redirects, since the key would go along. The SDK's own retries are off: ours know the deadline.
    """
    limits = httpx2.Limits(
        max_connections=upstream.concurrency,
        max_keepalive_connections=upstream.concurrency,
        keepalive_expiry=KEEPALIVE_SECONDS,
    )
    timeout = httpx2.Timeout(upstream.timeout_seconds, connect=upstream.connect_timeout_seconds)
    http = openai.DefaultAioHttpClient(
        limits=limits,
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        proxy=upstream.proxy,
    )
    async with _api(upstream, key, http) as api:
        yield Client(name, api, key, upstream.connect_timeout_seconds)


def _api(upstream: Upstream, key: str, http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
    """Empty texts keep the SDK from taking the machine's own `OPENAI_…` variables: they would go to this upstream."""
    api: openai.AsyncOpenAI
    if upstream.kind == "azure":
        api = openai.AsyncAzureOpenAI(
            azure_endpoint=upstream.base_url,
            api_version=upstream.api_version,
            api_key=key or "none",
            admin_api_key="",
            max_retries=0,
            http_client=http,
        )
    else:
        api = openai.AsyncOpenAI(
            base_url=upstream.base_url,
            api_key=key or "none",
            admin_api_key="",
            max_retries=0,
            http_client=http,
        )
    api.organization = None
    api.project = None
    api._custom_headers = {}  # noqa: SLF001 - OPENAI_CUSTOM_HEADERS, and the SDK has no other way to leave it out
    return api


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _usable(vector: Sequence[float]) -> bool:
    return len(vector) > 0 and all(map(math.isfinite, vector))


def _model(answer: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    model = answer.get("model")
    return model if isinstance(model, str) and model else str(body["model"])


def _usage(answer: Mapping[str, Any]) -> Usage | None:
    usage = answer.get("usage")
    if not isinstance(usage, Mapping):
        return None
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    prompt = _count(usage, "prompt_tokens") or _count(usage, "input_tokens")
    completion = _count(usage, "completion_tokens") or _count(usage, "output_tokens")
    if not prompt + completion:  # zeros and nulls are how some servers say that they do not count
        return None
    return Usage(
        prompt,
        completion,
        _count(usage, "total_tokens") or prompt + completion,
        _count(details, "cached_tokens") if isinstance(details, Mapping) else 0,
    )


def _count(counts: Mapping[str, Any], name: str) -> int:
    count = counts.get(name)
    return count if isinstance(count, int) and count >= 0 else 0
