"""Traces if the settings name a collector, else nothing at all."""

from grader_service.errors import CannotStart
from grader_service.logs import open_log
from grader_service.settings import Settings
from grader_service.tracing.base import Tracing
from grader_service.tracing.off import NoTracing


def open_tracing(settings: Settings) -> Tracing:
    """Raises CannotStart where a collector is named and the extra `otel` is not installed."""
    if settings.otlp_endpoint is None:
        return NoTracing()
    try:
        from grader_service.tracing.otel import OpenTelemetry  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise CannotStart(
            f"GRADER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_ENDPOINT) is {settings.otlp_endpoint!r}, and OpenTelemetry is not "
            "installed; pip install 'grader-service[otel]', or unset it"
        ) from None
    return OpenTelemetry(settings.otlp_endpoint, open_log(settings))
