"""Connections whose request does not begin in time are ended: each holds a descriptor of the process."""

import asyncio
from typing import Any

from grader_service.http.protocol import Protocol

HEADERS_SECONDS = 30.0
"""What any client needs for its headers, and far less than one needs to hold every descriptor there is."""


def patient(seconds: float) -> type[asyncio.Protocol]:
    """The protocol with a time limit, in seconds, for the headers of each request.

    uvicorn itself ends only connections that are idle after an answer: one that never asks, or asks for ever
    byte by byte, is kept. What comes after the answer to a body that was refused counts as headers, too.
    """

    class Patient(Protocol):
        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            cycle: Any = self.cycle
            if cycle is not None and not cycle.response_complete:
                self._wait_no_more()
            elif self._late is None:
                self._wait()

        def connection_lost(self, error: Exception | None) -> None:
            self._wait_no_more()
            super().connection_lost(error)

        def _wait(self) -> None:
            self._late = self.loop.call_later(seconds, self.transport.close)

        def _wait_no_more(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

    return Patient
