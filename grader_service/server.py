"""Runs one app in one process: a listening socket, uvicorn, and the line that says where it listens."""

import gc
import signal
import socket

import uvicorn
from starlette.types import Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from grader_service.app import create_app
from grader_service.errors import CannotStart
from grader_service.logs import open_log
from grader_service.settings import Settings

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75


def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then refuse new connections and finish what is in flight.

    Raises:
        CannotStart: the address cannot be listened on, or something that the settings name is not there.
    """
    faults: list[Exception] = []
    app = create_app(settings)

    async def remembering(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            faults.append(error)  # uvicorn would end with a status and not a word
            raise

    config = uvicorn.Config(
        remembering,
        access_log=False,
        log_config=None,
        log_level="critical",  # the app logs each request itself; uvicorn would add tracebacks
        timeout_graceful_shutdown=int(settings.shutdown_seconds),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        server_header=False,
        lifespan="on",
    )
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _exit)
    listener = _listen(settings)
    try:
        _Server(config, open_log(settings)).run(sockets=[listener])
    except SystemExit:
        if faults:
            raise faults[0] from None
        raise


def _exit(_signal: int, _frame: object) -> None:
    """uvicorn hands a signal on to this handler when it is done: a stop that was asked for is a success."""
    raise SystemExit(0)


class _Server(uvicorn.Server):
    """Says where it listens once it really does."""

    def __init__(self, config: uvicorn.Config, log: FilteringBoundLogger) -> None:
        super().__init__(config)
        self._log = log

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        gc.freeze()  # what start-up made lives for ever; each full collection would walk it in vain
        for listener in sockets or ():
            if self.started:
                host, port = listener.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                self._log.info(
                    "listening", url=f"http://{shown}:{port}", docs=f"http://{shown}:{port}/docs"
                )


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise CannotStart(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another GRADER_PORT or GRADER_HOST"
        ) from None
    listener.listen(BACKLOG)
    return listener
