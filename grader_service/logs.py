"""One structured line for each event worth one. Never a sample, an item, a source or a key."""

import contextlib
import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import FilteringBoundLogger, Processor

from grader_service.events import (
    Answered,
    BatchGraded,
    BreakerChanged,
    CatalogueLoaded,
    Event,
    Graded,
    KeysLoaded,
    RunEnded,
    RunStarted,
    SandboxOpened,
    SandboxWorkerLost,
    StoreFailed,
    WebhookSent,
)
from grader_service.settings import Settings


class _Lines:
    """Standard error that may have gone, or go, away: then a line is lost, and no grade with it."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        if self._stream is not None:
            with contextlib.suppress(
                OSError, ValueError
            ):  # its reader ended, the disk is full; closed
                self._stream.write(line + "\n")
                self._stream.flush()

    debug = info = warning = error = msg


def open_log(settings: Settings, stream: TextIO | None = sys.stderr) -> FilteringBoundLogger:
    """A logger that is configured by itself: two apps in one process may log differently."""
    on_terminal = stream is not None and stream.isatty()
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not on_terminal)
    renderer: Processor = _json if as_json else structlog.dev.ConsoleRenderer(colors=on_terminal)
    log: FilteringBoundLogger = structlog.wrap_logger(
        _Lines(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level.upper()]
        ),
    )
    return log


def _json(_log: object, _method: str, event: Mapping[str, Any]) -> str:
    return orjson.dumps(event).decode()


class Logs:
    """Writes events; `observe` is the hook."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log.bind()
        self._writers: Mapping[type[Event], Callable[[Any], None]] = {
            Graded: self._graded,
            BatchGraded: self._batch_graded,
            Answered: self._answered,
            CatalogueLoaded: self._loaded,
            KeysLoaded: self._keys_loaded,
            SandboxOpened: self._sandbox_opened,
            SandboxWorkerLost: self._worker_lost,
            BreakerChanged: self._breaker_changed,
            RunStarted: self._run_started,
            RunEnded: self._run_ended,
            WebhookSent: self._webhook_sent,
            StoreFailed: self._store_failed,
        }

    def observe(self, event: Event) -> None:
        write = self._writers.get(type(event))
        if write is not None:
            write(event)

    def _graded(self, event: Graded) -> None:
        self._defect(event.defect, event.request_id)
        if event.part or event.of_batch:
            return
        self._log.info(
            "graded",
            grader_type=event.grader_type,
            catalogue=event.catalogue,
            state=event.state,
            kinds=event.kinds,
            reward=event.reward,
            ms=round(event.seconds * 1000, 3),
            trace_id=event.trace_id,
            request_id=event.request_id,
        )

    def _batch_graded(self, event: BatchGraded) -> None:
        self._log.info(
            "batch_graded",
            grader_type=event.grader_type,
            catalogue=event.catalogue,
            **event.counts,
            causes=event.causes,
            complete=event.complete,
            ms=round(event.seconds * 1000, 3),
            request_id=event.request_id,
        )

    def _keys_loaded(self, event: KeysLoaded) -> None:
        for fault in event.faults:
            self._log.error("keys_fault", fault=fault)
        self._log.info("keys_loaded", keys=event.keys, faults=len(event.faults))

    def _worker_lost(self, event: SandboxWorkerLost) -> None:
        self._log.warning("sandbox_worker_lost", reason=event.reason, last_words=event.last_words)

    def _breaker_changed(self, event: BreakerChanged) -> None:
        self._log.warning("judge_breaker", upstream=event.upstream, state=event.state)

    def _store_failed(self, event: StoreFailed) -> None:
        self._defect(event.defect, "")
        self._log.error("store_failed", reason=event.reason)

    def _run_started(self, event: RunStarted) -> None:
        self._log.info("run_started", run_id=event.run_id, rows=event.rows)

    def _run_ended(self, event: RunEnded) -> None:
        self._defect(event.defect, event.run_id)
        self._log.info(
            "run_ended", run_id=event.run_id, status=event.status, seconds=round(event.seconds, 3)
        )

    def _webhook_sent(self, event: WebhookSent) -> None:
        if event.outcome != "delivered":
            self._log.warning(
                "webhook",
                outcome=event.outcome,
                endpoint_id=event.endpoint_id,
                event_id=event.event_id,
            )

    def _answered(self, event: Answered) -> None:
        self._defect(event.defect, event.request_id)
        if event.status >= 400:
            self._log.warning(
                "refused",
                route=event.route,
                status=event.status,
                ms=round(event.seconds * 1000, 3),
                request_id=event.request_id,
            )

    def _sandbox_opened(self, event: SandboxOpened) -> None:
        self._log.info("sandbox", engine=event.engine, ready=event.ready, reason=event.reason)
        for warning in event.warnings:
            self._log.warning("sandbox_warning", warning=warning)

    def _defect(self, defect: BaseException | None, request_id: str) -> None:
        if defect is not None:
            self._log.error(
                "defect", error=type(defect).__name__, frames=_frames(defect), request_id=request_id
            )

    def _loaded(self, event: CatalogueLoaded) -> None:
        for fault in event.faults:
            self._log.error("catalogue_fault", fault=fault)
        self._log.info("catalogue_loaded", graders=len(event.names), faults=len(event.faults))


def _frames(error: BaseException) -> list[str]:
    """Where a defect arose; without its message, which may quote a sample."""
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
