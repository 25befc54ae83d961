"""Rows of a batch against single requests: string_check on one server, both as fast as it goes, and memory."""

import http.client
import json
import threading
import time
from urllib.parse import urlsplit

from rich.console import Console

from tests import processes
from tests.bench.http import PATH as SINGLE
from tests.bench.load import Load, run
from tests.bench.memory import resident_mb
from tests.definitions import ITEM, STRING_CHECK, body

BATCH = "/v1/graders/batch"
TARGET = 10.0
ROUNDS = 3
ROWS = 50_000
MORE_MB = 40
"""What a batch that is read as it is answered may add to the server's memory."""


def grade_batch(address: str, rows: int) -> float:
    """Rows per second of one batch, sent from one thread while this one reads; every line is looked at."""
    row = json.dumps({"item": ITEM, "sample": "Paris"}) + "\n"
    piece = (row * 1000).encode()

    def pieces():
        yield (json.dumps({"grader": STRING_CHECK}) + "\n").encode()
        for _ in range(rows // 1000):
            yield piece

    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
    started = time.perf_counter()
    connection.putrequest("POST", BATCH)
    connection.putheader("content-type", "application/x-ndjson")
    connection.putheader("transfer-encoding", "chunked")
    connection.endheaders()

    def send() -> None:
        for some in pieces():
            connection.send(b"%x\r\n%b\r\n" % (len(some), some))
        connection.send(b"0\r\n\r\n")

    sending = threading.Thread(target=send)
    sending.start()
    answer = connection.getresponse()
    right = 0
    last = b""
    while some := answer.read1(1 << 20):
        right += some.count(b'"reward":1.0')
        last = (last + some)[-1000:]
    seconds = time.perf_counter() - started
    sending.join()
    connection.close()
    summary = json.loads(last.splitlines()[-1])["summary"]
    assert summary["value"] == rows, summary
    assert abs(right - rows) <= rows // 100, right  # a mark may be cut by the end of a piece
    return rows / seconds


def main(console: Console) -> bool:
    """True where the best ratio of a round reaches the target and memory stays bounded."""
    text = json.dumps(body(STRING_CHECK))
    ratios = []
    with processes.serving(sandbox="off") as server:
        grade_batch(server.address, 1000)
        for _ in range(ROUNDS):
            single = run(Load(server.address + SINGLE, text, '"reward":1.0', seconds=2.0))
            before = resident_mb(server.process.pid)
            batch = grade_batch(server.address, ROWS)
            more = resident_mb(server.process.pid) - before
            ratios.append(batch / single.per_second)
            console.print(
                f"  single requests {single.per_second:6.0f}/s   batch {batch:7.0f} rows/s, {more:+.0f} MB   "
                f"ratio {ratios[-1]:.1f}"
            )
    good = max(ratios) >= TARGET and more <= MORE_MB
    console.print(
        f"  best ratio {max(ratios):.1f}, wanted {TARGET:.0f}, at most {MORE_MB} MB more: {'met' if good else 'MISSED'}"
    )
    return good
