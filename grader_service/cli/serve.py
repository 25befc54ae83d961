"""`grader-service serve`."""

from pathlib import Path
from typing import Annotated

import typer

from grader_service import settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    catalogue: Annotated[Path | None, typer.Option(help="Folder of grader files.")] = None,
    processes: Annotated[
        int | None,
        typer.Option("--workers", "--processes", help="Server processes on the port."),
    ] = None,
    sandbox: Annotated[str | None, typer.Option(help="auto, docker, bubblewrap or off.")] = None,
    log_format: Annotated[str | None, typer.Option(help="auto, json or console.")] = None,
) -> None:
    """Serve graders over HTTP until SIGTERM or Ctrl-C. Every other setting is a `GRADER_…` variable."""
    # no other command needs a web server
    from grader_service.server import run_server  # noqa: PLC0415
    from grader_service.supervisor import run_processes  # noqa: PLC0415

    given = {
        "host": host,
        "port": port,
        "catalogue": catalogue,
        "processes": processes,
        "sandbox": sandbox,
        "log_format": log_format,
    }
    chosen = settings.read({name: value for name, value in given.items() if value is not None})
    (run_server if chosen.processes == 1 else run_processes)(chosen)
