"""The server as a process of its own, as `grader-service serve` starts it."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

START_SECONDS = 60


@dataclass(frozen=True)
class Serving:
    """A running process, where it listens, and its log so far."""

    process: subprocess.Popen[str]
    address: str
    log: Path

    def events(self) -> list[dict[str, Any]]:
        """The log lines as JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def start(
    *arguments: str,
    log: TextIO | int = subprocess.PIPE,
    folder: Path | None = None,
    **settings: Any,
) -> subprocess.Popen[str]:
    """`grader-service ARGUMENTS`, in a folder, with only these `GRADER_…` settings."""
    return subprocess.Popen(
        [sys.executable, "-m", "grader_service", *arguments],
        cwd=folder,
        env=_environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )


def _environment(settings: Mapping[str, Any]) -> dict[str, str]:
    given = {key: value for key, value in os.environ.items() if not key.startswith("GRADER_")}
    settings = {"data_dir": os.environ.get("GRADER_DATA_DIR", tempfile.gettempdir()), **settings}
    return given | {f"GRADER_{name.upper()}": str(value) for name, value in settings.items()}


def on_terminal(*arguments: str, **settings: Any) -> tuple[int, str]:
    """`grader-service ARGUMENTS` with its output on a terminal: the exit code and what is shown."""
    shape = {"COLUMNS": "200", "TERM": "xterm", "NO_COLOR": "1"}
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        process = subprocess.Popen(
            [sys.executable, "-m", "grader_service", *arguments],
            env={**_environment(settings), **shape},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux says so where the other side is closed
            while chunk := screen.read(65536):
                shown += chunk
        return process.wait(60), shown.decode()


@contextlib.contextmanager
def serving(log_folder: Path | None = None, **settings: Any) -> Iterator[Serving]:
    """A server on a free port; ended by SIGTERM, at worst by SIGKILL. Its log goes to a file: a pipe would fill."""
    with contextlib.ExitStack() as stack:
        folder = log_folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = folder / "log"
        stream = stack.enter_context(log.open("a"))
        process = start("serve", "--port", "0", "--log-format", "json", log=stream, **settings)
        stack.callback(_end, process)
        yield Serving(process, _address(process, log), log)


def _address(process: subprocess.Popen[str], log: Path) -> str:
    """From the line that says so, which needs the log level info."""
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        for line in log.read_text().splitlines():
            if '"event":"listening"' in line:
                return str(json.loads(line)["url"])
        time.sleep(0.02)
    raise RuntimeError(f"the server did not come to listen: {log.read_text()}")


@contextlib.contextmanager
def upstream(seconds: float = 0.0, port: int = 0) -> Iterator[str]:
    """The obliging judge's API in a process of its own; its base URL."""
    command = [sys.executable, "-m", "tests.fakes.upstream", "--seconds", str(seconds)]
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
