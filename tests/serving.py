"""A real server on a free loopback port, in a thread of the test process."""

import contextlib
import threading
from collections.abc import Iterator

import uvicorn

from grader_service.app import create_app
from grader_service.engines import open_engines
from grader_service.settings import Settings


@contextlib.contextmanager
def serving(settings: Settings, open_engines=open_engines) -> Iterator[str]:
    """Serve while the block lasts; yields `http://127.0.0.1:PORT`."""
    config = uvicorn.Config(
        create_app(settings, open_engines),
        host="127.0.0.1",
        port=0,
        log_config=None,
        log_level="critical",
        lifespan="on",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the server ended while it started")
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the server did not stop"
