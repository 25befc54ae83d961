"""A server of the Evals and Files APIs as the hosted one is: small pages, keys of its own, throttling, broken connections.

    with serving_source(SOURCE) as source:
        ...  # source.base_url, source.asked

`trouble` maps the number of a request, from 0, to what happens to it in place of an answer.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

PAGE = 2
"""Most that a page has, whatever the caller asks for."""

Trouble = Literal["throttled", "broken", "hanging"]


@dataclass(frozen=True)
class Content:
    """What the server has. `items` are by run; a file without content is refused. `texts` replace whole answers by path."""

    evals: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    items: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    contents: Mapping[str, bytes] = field(default_factory=dict)
    texts: Mapping[str, bytes] = field(default_factory=dict)


class FakeSource:
    """`asked` has path and `after` of each request; `hangs` is set while one hangs."""

    def __init__(self, content: Content, trouble: Mapping[int, Trouble]) -> None:
        self._content = content
        self._trouble = dict(trouble)
        self.asked: list[tuple[str, str | None]] = []
        self.hangs = threading.Event()
        self.port = 0
        self._stop = asyncio.Event()
        self._go_on = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/v1")
        trouble = self._trouble.get(len(self.asked))
        self.asked.append((path, request.query.get("after")))
        if request.headers.get("authorization") != "Bearer source-key":
            return _error(401, "Incorrect API key provided.")
        if trouble == "throttled":
            return _error(429, "Rate limit reached.", headers={"retry-after-ms": "20"})
        if trouble == "hanging":
            self.hangs.set()
            await self._go_on.wait()
        if path in self._content.texts:
            return web.Response(body=self._content.texts[path], content_type="application/json")
        body = self._body(path.strip("/").split("/"), request.query)
        if body is None:
            return _error(404, "Not found.")
        if isinstance(body, web.Response):
            return body
        return await _send(request, body, broken=trouble == "broken")

    def _body(self, path: list[str], query: Mapping[str, str]) -> bytes | web.Response | None:
        content = self._content
        match path:
            case ["evals"]:
                return _page(content.evals, query)
            case ["evals", eval_id, "runs"]:
                return _page([run for run in content.runs if run["eval_id"] == eval_id], query)
            case ["evals", _, "runs", run_id, "output_items"]:
                return _page(content.items.get(run_id, []), query)
            case ["files"]:
                return _page(content.files, query)
            case ["files", file_id, "content"] if file_id in content.contents:
                return content.contents[file_id]
            case ["files", _, "content"]:
                return _error(400, "Not allowed to download files of purpose: assistants")
        return None

    def go_on(self) -> None:
        """Let what hangs be answered, from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._go_on.set)

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def listen(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            assert site._server is not None
            self.port = site._server.sockets[0].getsockname()[1]
            ready.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()


async def _send(request: web.Request, body: bytes, *, broken: bool) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    if not broken:
        await response.write(body)
        await response.write_eof()
        return response
    await response.write(body[: len(body) // 2])
    await asyncio.sleep(0.02)
    assert request.transport is not None
    request.transport.abort()
    return response


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None}}
    return web.json_response(body, status=status, headers=headers)


def _page(objects: list[dict[str, Any]], query: Mapping[str, str]) -> bytes:
    ids = [each["id"] for each in objects]
    start = ids.index(query["after"]) + 1 if "after" in query else 0
    data = objects[start : start + min(PAGE, int(query.get("limit", 20)))]
    return json.dumps(
        {
            "object": "list",
            "data": data,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
            "has_more": start + len(data) < len(objects),
        }
    ).encode()


@contextlib.contextmanager
def serving_source(
    content: Content, trouble: Mapping[int, Trouble] | None = None
) -> Iterator[FakeSource]:
    """A running source, in a thread of its own."""
    source = FakeSource(content, trouble or {})
    ready = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(source.listen(ready),))
    thread.start()
    try:
        if not ready.wait(10):
            raise RuntimeError("the fake source did not start")
        yield source
    finally:
        source.stop()
        thread.join(10)
