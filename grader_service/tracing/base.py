"""The seam between the app and what draws its traces."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from starlette.types import ASGIApp

from grader_service.events import Observe
from grader_service.graders.context import Engines


class Tracing(Protocol):
    """Made with the app; sends what it has seen while `lived` is open, and the rest at its end."""

    @property
    def listeners(self) -> Sequence[Observe]:
        """Hooks for events, called in the task where each happened."""
        ...

    def traced(self, engines: Engines) -> Engines:
        """The same engines with spans around their calls."""
        ...

    def around(self, app: ASGIApp) -> ASGIApp:
        """The app with a span around each request."""
        ...

    def lived(self) -> AbstractAsyncContextManager[None]:
        """The life of the app."""
        ...
