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


@contextlib.contextmanager
def cluster(binaries: Path) -> Iterator[Path]:
    """A running server; yields the folder of its socket."""
    user = USER if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder = Path(name)
        if user:
            shutil.chown(folder, user)
        data = folder / "data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", USER, "--auth=trust", "--no-sync"],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        options = ("listen_addresses=", f"unix_socket_directories={folder}", "fsync=off")
        settings = [word for option in options for word in ("-c", option)]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, *settings], user=user, cwd=folder, stderr=log
            )
        try:
            asyncio.run(_answers(folder, process))
            yield folder
        finally:
            process.send_signal(signal.SIGINT)  # end connections, too
            process.wait(30)


async def _answers(folder: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError, asyncpg.CannotConnectNowError):
            connection = await asyncpg.connect(host=str(folder), user=USER, database="postgres")
            await connection.close()
            return
        await asyncio.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()}")


def new_database(folder: Path) -> str:
    """The address of an empty database, for GRADER_DATABASE_URL."""
    name = f"grader_{secrets.token_hex(4)}"

    async def create() -> None:
        connection = await asyncpg.connect(host=str(folder), user=USER, database="postgres")
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return f"postgresql://{USER}@/{name}?host={folder}"
