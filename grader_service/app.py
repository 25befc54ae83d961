"""The composition root: settings in, one app out, everything wired in one visible order."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from grader_service import __version__
from grader_service.catalog import open_catalogue
from grader_service.engines import open_engines
from grader_service.evals.runner import open_runner
from grader_service.events import Event, Observe
from grader_service.graders.context import Engines
from grader_service.http import (
    auth,
    batch,
    endpoint,
    errors,
    evals,
    files,
    limits,
    observed,
    openai,
    operations,
    runs,
    webhooks,
)
from grader_service.http.answers import Answers
from grader_service.http.document import Documented
from grader_service.http.keyring import Keyring
from grader_service.logs import Logs, open_log
from grader_service.metrics import Metrics
from grader_service.metrics.shared import Place
from grader_service.settings import Settings
from grader_service.store.open import open_store
from grader_service.tracing.open import open_tracing
from grader_service.webhooks.open import open_webhooks

DESCRIPTION = """Executes reinforcement-fine-tuning graders exactly as their JSON says.

The two `fine_tuning` routes also answer without `/v1`, under `/openai/v1` and under `/openai`, so that every client
of the official SDK works by its `base_url` alone."""


OpenEngines = Callable[[Settings, Observe], AbstractAsyncContextManager[Engines]]


def create_app(
    settings: Settings, open_engines: OpenEngines = open_engines, place: Place | None = None
) -> FastAPI:
    """A server for these settings; two apps may live in one process.

    `open_engines` is what opens the outside world: the real one, or a test's. `place` is where one of
    several server processes keeps its metrics.

    Raises:
        CannotStart: from the lifespan, when something outside is not as the settings say.
    """
    metrics = Metrics(place)
    log = open_log(settings)
    logs = Logs(log if place is None else log.bind(process=place.number))
    tracing = open_tracing(settings)
    listeners = (metrics.observe, logs.observe, *tracing.listeners)

    def observe(event: Event) -> None:
        for listener in listeners:
            listener(event)

    keyring = Keyring(settings.api_keys, settings.api_keys_file, observe)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with (
            tracing.lived(),
            keyring.followed(),
            open_engines(settings, observe) as opened,
            open_catalogue(settings.catalogue, opened) as catalogue,
            metrics.followed(),
            open_store(settings) as database,
            open_runner(database, opened, settings) as runner,
            open_webhooks(settings, database, observe) as webhook_posting,
        ):
            metrics.watch_sandbox(opened.sandbox.status)
            yield {
                "engines": tracing.traced(opened),
                "database": database,
                "runner": runner,
                "webhooks": webhook_posting,
                "max_file_bytes": settings.max_file_bytes,
                "catalogue": catalogue,
                "keyring": keyring,
                "answers": Answers(),
                "metrics": metrics,
                "deadline_seconds": settings.deadline_seconds,
                "batches": batch.Batches(
                    settings.batch_concurrency, settings.share(settings.max_in_flight)
                ),
            }

    app = _documented(lifespan)

    def guarded(inner: ASGIApp) -> ASGIApp:
        limited = limits.Limits(inner, settings)
        metrics.watch_in_flight(limited.in_flight)
        return tracing.around(observed.Observed(auth.Auth(limited, keyring), observe))

    app.add_middleware(guarded)
    return app


def _documented(lifespan: Callable[[FastAPI], Any]) -> FastAPI:
    """The routes and the form of their errors."""
    app = Documented(
        title="grader-service",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would be neither an answer nor an error of this API
    )
    for routes in (
        openai.router(),
        batch.router(),
        endpoint.router(),
        operations.router(),
        evals.router(),
        runs.router(),
        files.router(),
        webhooks.router(),
    ):
        app.router.routes.extend(routes.routes)
    errors.install(app)
    return app
