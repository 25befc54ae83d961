"""An OpenAI-compatible API on loopback that answers what a test has scripted, and remembers what it was sent.

In a test:

    with serving_upstream(verdict(0.5), throttled("1"), verdict(1)) as upstream:
        ...  # upstream.base_url, upstream.received

More requests than were scripted, or fewer, fail the test when the block ends; `default=` answers
whatever is not scripted. As a program it obliges every request, for the demonstration and the bench:

    python -m tests.fakes.upstream --seconds 0.5        # prints its address as the first line
"""

import argparse
import asyncio
import contextlib
import json
import math
import re
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

MODEL = "judge-2025-01-01"
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40},
}
NUMBER = re.compile(r"\bscore\s*[:=]\s*([0-9.]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """One scripted answer. `cut` breaks the connection after so many bytes of the body."""

    status: int = 200
    body: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    cut: int | None = None

    def content(self) -> bytes:
        return json.dumps(self.body).encode() if self.raw is None else self.raw


def completion(
    content: str | None,
    *,
    finish_reason: str = "stop",
    refusal: str | None = None,
    model: str = MODEL,
    usage: Any = USAGE,
    **message_fields: Any,
) -> Answer:
    """Any chat completion; further fields go into the message: `tool_calls`, `reasoning`, `audio`."""
    message = {"role": "assistant", "content": content, "refusal": refusal} | message_fields
    return Answer(
        body={
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
            "usage": usage,
        }
    )


def tool_call(name: str, arguments: Any, call_id: str = "call_1") -> dict[str, Any]:
    """One call as a message of the assistant has it."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}


RESPONSE_USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 120,
}


def response(*output: Any, status: str = "completed", **rest: Any) -> Answer:
    """An answer of `/responses`; a text among its items becomes a message."""
    body = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": MODEL,
        "output": [_item(item) if isinstance(item, str) else item for item in output],
        "usage": RESPONSE_USAGE,
    }
    return Answer(body=body | rest)


def _item(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}


def no_route() -> Answer:
    """What a server says that does not speak `/responses`."""
    return Answer(404, {"detail": "Not Found"})


def verdict(result: Any, **rest: Any) -> Answer:
    """The structured answer, `steps` first."""
    steps = [{"description": "compared", "conclusion": "done"}]
    return completion(json.dumps({"steps": steps, "result": result}), **rest)


def refusal() -> Answer:
    return completion(None, refusal="I cannot judge that.")


def truncated() -> Answer:
    return completion('{"steps":[{"descr', finish_reason="length")


def filtered() -> Answer:
    return completion("", finish_reason="content_filter")


def error(status: int, message: str = "scripted", **rest: Any) -> Answer:
    """An error in OpenAI's form; further keys go into the error object."""
    body = {"message": message, "type": "scripted", "param": None, "code": None} | rest
    return Answer(status, {"error": body})


def throttled(**headers: str) -> Answer:
    """429; header names with underscores: `retry_after="1"`, `retry_after_ms="50"`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(error(429, "slow down", code="rate_limit_exceeded"), headers=named)


def form_unknown(form: str = "json_schema") -> Answer:
    """What servers without structured output say."""
    return error(400, f"response_format type {form!r} is not supported", param="response_format")


def slow(seconds: float, answer: Answer) -> Answer:
    return replace(answer, seconds=seconds)


def hanging() -> Answer:
    """No answer for longer than any test waits."""
    return slow(600, verdict(1))


def broken_json() -> Answer:
    return Answer(raw=b'{"id": "chatcmpl-1", "choices": [')


def cut_short() -> Answer:
    """The connection is reset in the middle of a right answer."""
    return replace(verdict(1), cut=60)


def embeddings(*vectors: list[float]) -> Answer:
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return Answer(
        body={"object": "list", "data": data, "model": "text-embedding-3-large", "usage": usage}
    )


def obliging(request: Received) -> Answer:
    """An answer in the form that was asked for.

    A score is the number after "score:" in the last message, else 0.75; a label the first that the
    last message names, else the first of all. Texts with the same words have the same embedding.
    """
    if request.path.endswith("/embeddings"):
        return embeddings(*(_bag_of_words(text) for text in request.body["input"]))
    if request.path.endswith("/responses"):
        return response("0.75")
    text = _text(request.body["messages"][-1]["content"])
    wanted = request.body.get("response_format", {}).get("json_schema", {}).get("schema")
    if wanted is None:
        return completion("0.75")
    labels = wanted["properties"]["result"].get("enum")
    if labels:
        return verdict(next((label for label in labels if label in text), labels[0]))
    found = NUMBER.search(text)
    return verdict(float(found[1]) if found else 0.75)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content)


def _bag_of_words(text: str) -> list[float]:
    vector = [0.0] * 64
    for word in text.lower().split():
        vector[zlib.crc32(word.encode()) % 64] += 1.0
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [x / length for x in vector] if any(vector) else [1.0] + [0.0] * 63


class FakeUpstream:
    """The server; `received` and `most_at_once` may be read from any thread."""

    def __init__(
        self, script: tuple[Answer, ...], default: Answer | Callable[[Received], Answer] | None
    ) -> None:
        self._script = list(script)
        self._default = default
        self.received: list[Received] = []
        self.unexpected: list[Received] = []
        self.at_once = 0
        self.most_at_once = 0
        self.port = 0
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def left(self) -> int:
        """Scripted answers that nobody has asked for."""
        return len(self._script)

    def prompts(self) -> list[Any]:
        """The messages of each chat request."""
        return [request.body["messages"] for request in self.received]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response(
                {"received": len(self.received), "most_at_once": self.most_at_once}
            )
        body = json.loads(await request.read())
        received = Received(request.path, dict(request.query), dict(request.headers), body)
        self.received.append(received)
        answer = self._next(received)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await asyncio.sleep(answer.seconds)
            return await self._send(request, answer)
        finally:
            self.at_once -= 1

    def _next(self, received: Received) -> Answer:
        if self._script:
            return self._script.pop(0)
        if self._default is None:
            self.unexpected.append(received)
            return error(418, "nothing more was scripted")
        return self._default(received) if callable(self._default) else self._default

    async def _send(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        content = answer.content()
        headers = {"content-type": "application/json", **answer.headers}
        response = web.StreamResponse(status=answer.status, headers=headers)
        response.content_length = len(content)
        await response.prepare(request)
        if answer.cut is None:
            await response.write(content)
            await response.write_eof()
        else:
            await response.write(content[: answer.cut])
            await asyncio.sleep(0.02)
            assert request.transport is not None
            request.transport.abort()
        return response

    def stop(self) -> None:
        """End `listen`, from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def listen(self, port: int, ready: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
            await site.start()
            assert site._server is not None
            self.port = site._server.sockets[0].getsockname()[1]
            ready()
            await self._stop.wait()
        finally:
            await runner.cleanup()


@contextlib.contextmanager
def serving_upstream(
    *script: Answer, default: Answer | Callable[[Received], Answer] | None = None
) -> Iterator[FakeUpstream]:
    """A running upstream, in a thread of its own.

    Raises:
        AssertionError: at the end, when it was asked more or less than was scripted.
    """
    upstream = FakeUpstream(script, default)
    ready = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(upstream.listen(0, ready.set),))
    thread.start()
    try:
        if not ready.wait(10):
            raise RuntimeError("the fake upstream did not start")
        yield upstream
    finally:
        upstream.stop()
        thread.join(10)
    assert not upstream.unexpected, f"asked more than was scripted: {upstream.unexpected}"
    assert not upstream.left, f"{upstream.left} scripted answers were never asked for"


def main() -> None:
    """Oblige until stopped."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible API that always obliges.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0, help="time that each answer takes")
    arguments = parser.parse_args()

    def oblige(request: Received) -> Answer:
        return slow(arguments.seconds, obliging(request))

    upstream = FakeUpstream((), oblige)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(upstream.listen(arguments.port, lambda: print(upstream.base_url, flush=True)))


if __name__ == "__main__":
    main()
