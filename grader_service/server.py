"""Runs one app in one process: a listening socket, uvicorn, and the line that says where it listens."""

import asyncio
import gc
import math
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
from starlette.types import Receive, Scope, Send

from grader_service.app import create_app
from grader_service.errors import CannotStart
from grader_service.http.patience import HEADERS_SECONDS, patient
from grader_service.logs import open_log
from grader_service.metrics.shared import Place
from grader_service.settings import Settings

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
ACCEPTS = 32
"""New connections that are taken in one turn of the event loop. uvloop takes one for each listening socket, so that
new callers would wait while those that are there already keep the loop busy."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of several processes: where it keeps its metrics, and a pipe that ends when its supervisor does."""

    place: Place
    lifeline: int


def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then refuse new connections and finish what is in flight.

    Raises:
        CannotStart: the address cannot be listened on, or something that the settings name is not there.
    """
    listener = listen(settings)
    serve(settings, listener, lambda: say_where(settings, listener))


def serve(
    settings: Settings,
    listener: socket.socket,
    on_listening: Callable[[], None],
    member: Member | None = None,
) -> None:
    """Serve on a socket until SIGTERM or SIGINT; ends with SystemExit.

    Raises:
        CannotStart: something that the settings name is not there.
    """
    faults: list[Exception] = []
    app = create_app(settings, place=member.place if member else None)

    async def remembering(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            faults.append(error)  # uvicorn would end with a status and not a word
            raise

    config = uvicorn.Config(
        remembering,
        http=patient(min(HEADERS_SECONDS, settings.deadline_seconds)),
        access_log=False,
        log_config=None,
        log_level="critical",  # the app logs each request itself; uvicorn would add tracebacks
        timeout_graceful_shutdown=math.ceil(settings.shutdown_seconds),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        server_header=False,
        lifespan="on",
    )
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _exit)
    try:
        sockets = [listener, *(listener.dup() for _ in range(ACCEPTS - 1))]
        _Server(config, on_listening, member).run(sockets=sockets)
    except SystemExit:
        if faults:
            raise faults[0] from None
        raise


def _exit(_signal: int, _frame: object) -> None:
    """uvicorn hands a signal on to this handler when it is done: a stop that was asked for is a success."""
    raise SystemExit(0)


class _Server(uvicorn.Server):
    """Tells when it really listens, and ends with its supervisor."""

    def __init__(
        self, config: uvicorn.Config, on_listening: Callable[[], None], member: Member | None
    ) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._member = member

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._member is not None:
            asyncio.get_running_loop().add_reader(self._member.lifeline, self._orphaned)
        await super().startup(sockets)
        gc.collect()
        gc.freeze()  # what start-up made lives for ever; each full collection would walk it in vain
        if self.started:
            self._on_listening()

    def _orphaned(self) -> None:
        assert self._member is not None
        asyncio.get_running_loop().remove_reader(self._member.lifeline)
        self.should_exit = True


def say_where(settings: Settings, listener: socket.socket) -> None:
    """The line that people and programs wait for."""
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    open_log(settings).info("listening", url=url, docs=f"{url}/docs")


def listen(settings: Settings) -> socket.socket:
    """Raises CannotStart where the address cannot be listened on."""
    listener = bound(settings, settings.port)
    listener.listen(BACKLOG)
    return listener


def bound(settings: Settings, port: int, *, together: bool = False) -> socket.socket:
    """A socket at the address; `together` lets others of this server have the same one.

    Raises:
        CannotStart: the address cannot be had.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if together:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((settings.host, port))
    except OSError as error:
        listener.close()
        raise CannotStart(
            f"cannot listen on {settings.host}:{port}: {error.strerror}; choose another GRADER_PORT or GRADER_HOST"
        ) from None
    return listener
