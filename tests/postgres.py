"""A PostgreSQL cluster of one's own, from the machine's programs: on a socket in a temporary folder, gone at the end."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg

START_SECONDS = 60
USER = "postgres"
"""Who runs it where the tests run as root, which PostgreSQL refuses; Debian's package makes this user."""


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, the newest version's; None where there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4])
    )
    if found:
        return found[-1].parent
    path = shutil.which("postgres")
    return Path(path).resolve().parent if path else None


class Cluster:
    """A server in a folder, which also has its socket; it can go away and come back."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._user = USER if os.geteuid() == 0 else None
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            shutil.chown(folder, self._user)
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", USER, "--auth=trust", "--no-sync"],
            user=self._user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def start(self) -> None:
        options = ("listen_addresses=", f"unix_socket_directories={self.folder}", "fsync=off")
        settings = [word for option in options for word in ("-c", option)]
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.folder / "data", *settings],
                user=self._user,
                cwd=self.folder,
                stderr=log,
            )
        asyncio.run(self._answers(self._process))

    async def _answers(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError, asyncpg.CannotConnectNowError):
                await self._execute("SELECT 1")
                return
            await asyncio.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """Ends connections, too."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(host=str(self.folder), user=USER, database="postgres")
        await connection.execute(statement)
        await connection.close()

    def new_database(self) -> str:
        """The address of an empty database, for GRADER_DATABASE_URL."""
        name = f"grader_{secrets.token_hex(4)}"
        asyncio.run(self._execute(f"CREATE DATABASE {name}"))
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def let_write(self, address: str, *, allowed: bool) -> None:
        """Whether this database takes changes, as a primary does and a standby does not; its connections end."""
        name = address.partition("@/")[2].partition("?")[0]
        word = "off" if allowed else "on"
        asyncio.run(
            self._execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {word}")
        )
        asyncio.run(
            self._execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
        )


@contextlib.contextmanager
def cluster(binaries: Path) -> Iterator[Cluster]:
    """A running server, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        running = Cluster(binaries, Path(name))
        try:
            running.start()
            yield running
        finally:
            running.stop()
