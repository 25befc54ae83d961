"""The server as a process of its own, as `grader-service serve` starts it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Serving:
    """A running process and where it listens."""

    process: subprocess.Popen[str]
    address: str


def start(*arguments: str, **settings: Any) -> subprocess.Popen[str]:
    """`grader-service ARGUMENTS` with only these `GRADER_…` settings."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GRADER_")}
    environment |= {f"GRADER_{name.upper()}": str(value) for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "grader_service", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def serving(**settings: Any) -> Iterator[Serving]:
    """A server on a free port; ended by SIGTERM, at worst by SIGKILL."""
    process = start("serve", "--port", "0", "--log-format", "json", **settings)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            event = json.loads(line) if line.startswith("{") else {"event": line}
            if event["event"] == "listening":
                yield Serving(process, event["url"])
                return
        raise RuntimeError("the server ended before it listened")
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
