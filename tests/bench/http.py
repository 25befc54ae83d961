"""`run` with a string_check against a bare FastAPI route that takes the same model and returns nothing."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from rich.console import Console

from tests import processes
from tests.bench.load import Figures, Load, run
from tests.definitions import STRING_CHECK, body

PATH = "/v1/fine_tuning/alpha/graders/run"
TARGET = 0.75
ROUNDS = 3

BARE = """
import sys
import uvicorn
from fastapi import FastAPI
from grader_service.wire import RunRequest

app = FastAPI()

@app.post("{path}")
async def run(body: RunRequest):
    pass

uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
"""

CANNED = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-type: application/json\r\n\r\nnull"


class _Canned(asyncio.Protocol):
    """Answers every request with the same bytes: what the generator itself can reach."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(CANNED)


async def _serve_canned(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Canned, "127.0.0.1", port)
    await server.serve_forever()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _program(*arguments: str) -> Iterator[str]:
    """A Python program that listens on the port that is its last argument."""
    port = _free_port()
    process = subprocess.Popen([sys.executable, *arguments, str(port)])
    try:
        while True:
            with (
                contextlib.suppress(ConnectionRefusedError),
                socket.create_connection(("127.0.0.1", port)),
            ):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def main(console: Console) -> bool:
    """Rounds one after the other in one run; True where the best ratio reaches the target."""
    text = json.dumps(body(STRING_CHECK))

    def figures(address: str, wanted: str) -> Figures:
        run(Load(address + PATH, text, wanted, seconds=1.0))
        return run(Load(address + PATH, text, wanted))

    ratios = []
    with (
        processes.serving(sandbox="off") as ours,
        _program("-c", BARE.format(path=PATH)) as bare,
        _program("-m", "tests.bench.http") as canned,
    ):
        for _ in range(ROUNDS):
            theirs, mine = figures(bare, "null"), figures(ours.address, '"reward":1.0')
            ratios.append(mine.per_second / theirs.per_second)
            console.print(
                f"  bare FastAPI {theirs.per_second:6.0f}/s   grader-service {mine.per_second:6.0f}/s "
                f"(p50 {mine.p50:.2f} ms, p99 {mine.p99:.2f} ms, wrong {mine.wrong})   ratio {ratios[-1]:.2f}"
            )
        generator = figures(canned, "null").per_second
        console.print(f"  load generator alone {generator:.0f}/s")
    good = max(ratios) >= TARGET
    console.print(f"  best ratio {max(ratios):.2f}, wanted {TARGET}: {'met' if good else 'MISSED'}")
    return good


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve_canned(int(sys.argv[1])))
