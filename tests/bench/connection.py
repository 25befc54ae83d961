"""One connection kept alive, for load generators: bytes out, whole answers in, nothing copied twice."""

import asyncio
from typing import Any


class Connection(asyncio.Protocol):
    """`answered` is called with head and body of each whole answer; the answers must name their length."""

    transport: Any = None

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer:
            head, blank, rest = self._buffer.partition(b"\r\n\r\n")
            if not blank:
                return
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self.answered(head, rest[:length])

    def answered(self, head: bytes, body: bytes) -> None:
        raise NotImplementedError
