"""Puts the image in which this program runs into another engine, which needs no network and no registry for it.

    load_image.py NAME TAG [TAG ...]      DOCKER_HOST=unix:///PATH is the engine that gets the image

It runs in a container of the sandbox image and streams that container's own root file system to the engine's
`POST /images/create?fromSrc=-` (Docker Engine API, "Create an image"). A fingerprint of all files, kept as a label,
makes a second run quick. Standard library alone: the sandbox image has no package of the service.

Exit status: 0 the engine has the image under every tag; 1 with one line on stderr that says why not.
"""

import hashlib
import http.client
import json
import os
import socket
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode

LABEL = "grader-service.fingerprint"
START_SECONDS = 120
API_SECONDS = 600
ROOT = Path("/")
LEFT_OUT = (
    *("/dev/", "/proc/", "/run/", "/sys/", "/tmp/", "/var/run/"),
    *("/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf", __file__),
)
"""What an engine mounts or writes into every container, and this program; folders stay, what is in them goes."""


class Refused(Exception):
    """The engine said no; the text is its own."""


class Engine(http.client.HTTPConnection):
    """The Docker Engine API over its unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=API_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def ask(self, method: str, path: str) -> Any:
        """The answer as JSON or text; None for 404.

        Raises:
            Refused: any other status than 2xx.
            OSError: the engine cannot be reached.
        """
        self.request(method, path)
        answer = self.getresponse()
        body = answer.read()
        if answer.status == 404:
            return None
        if answer.status >= 300:
            raise Refused(
                f"{method} {path}: {answer.status} {body.decode(errors='replace').strip()}"
            )
        return json.loads(body) if "json" in answer.headers.get("content-type", "") else body


def wait_for(path: str) -> Engine:
    """Raises `Refused` where no engine answers in time."""
    end = time.monotonic() + START_SECONDS
    while True:
        engine = Engine(path)
        try:
            engine.ask("GET", "/_ping")
        except OSError as error:
            engine.close()
            if time.monotonic() > end:
                raise Refused(
                    f"no engine answers at {path!r} after {START_SECONDS} s: {error}"
                ) from error
            time.sleep(0.5)
        else:
            return engine


def files(root: Path, left_out: tuple[str, ...]) -> Iterator[Path]:
    """Everything below `root` on its own file system, in a fixed order."""
    device = root.stat().st_dev
    for folder, folders, names in os.walk(root):
        folders.sort()
        paths = [Path(folder, name) for name in sorted((*folders, *names))]
        folders[:] = [name for name in folders if is_ours(Path(folder, name), device)]
        yield from (path for path in paths if not str(path).startswith(left_out))


def is_ours(folder: Path, device: int) -> bool:
    return not folder.is_symlink() and folder.stat().st_dev == device


def fingerprint(root: Path, left_out: tuple[str, ...]) -> str:
    """Of names, modes, owners, sizes and dates: contents are not read."""
    digest = hashlib.sha256()
    for path in files(root, left_out):
        status = path.lstat()
        size = status.st_size if path.is_file() else 0
        date = int(status.st_mtime) if path.is_file() else 0
        line = (str(path), status.st_mode, status.st_uid, status.st_gid, size, date)
        digest.update(repr(line).encode())
    return digest.hexdigest()


def write_tar(stream: IO[bytes], root: Path, left_out: tuple[str, ...]) -> None:
    """Also what only root may read must go, so this runs as root."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT, bufsize=1 << 20) as tar:
        for path in files(root, left_out):
            tar.add(path, arcname=str(path.relative_to(root)), recursive=False)


class Chunks:
    """A file that sends what is written as HTTP chunks."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def write(self, data: bytes) -> int:
        if data:
            self._connection.send(b"%x\r\n%b\r\n" % (len(data), data))
        return len(data)

    def end(self) -> None:
        self._connection.send(b"0\r\n\r\n")


def send(engine: Engine, name: str, tag: str, mark: str) -> None:
    """Raises `Refused`."""
    changes = [f"LABEL {LABEL}={mark}", "USER 65534:65534", "WORKDIR /tmp"]
    query = urlencode({"fromSrc": "-", "repo": name, "tag": tag, "changes": changes}, doseq=True)
    engine.putrequest("POST", f"/images/create?{query}")
    engine.putheader("content-type", "application/x-tar")
    engine.putheader("transfer-encoding", "chunked")
    engine.endheaders()
    chunks = Chunks(engine)
    write_tar(chunks, ROOT, LEFT_OUT)  # type: ignore[arg-type]
    chunks.end()
    answer = engine.getresponse()
    said = answer.read().decode(errors="replace")
    # the status is sent before the tar is read, so a failure is a line of the answer
    if answer.status >= 300 or '"error"' in said:
        raise Refused(f"the engine did not take the image: {answer.status} {said.strip()}")


def load(engine: Engine, name: str, tags: list[str]) -> str:
    """Returns what was done, as a sentence. Raises `Refused`."""
    mark = fingerprint(ROOT, LEFT_OUT)
    first, *others = tags
    found = engine.ask("GET", f"/images/{quote(name)}:{first}/json")
    known = found is not None and (found["Config"].get("Labels") or {}).get(LABEL) == mark
    if not known:
        send(engine, name, first, mark)
    for tag in others:
        query = urlencode({"repo": name, "tag": tag})
        engine.ask("POST", f"/images/{quote(name)}:{first}/tag?{query}")
    return f"{name}:{first} {'was there already' if known else 'has been loaded'}"


def main() -> None:
    name, *tags = sys.argv[1:]
    address = os.environ.get("DOCKER_HOST", "")
    if not tags or not address.startswith("unix://"):
        sys.exit("usage: DOCKER_HOST=unix:///PATH load_image.py NAME TAG [TAG ...]")
    try:
        print(load(wait_for(address.removeprefix("unix://")), name, tags))
    except (Refused, OSError) as error:
        sys.exit(f"load_image: {error}")


if __name__ == "__main__":
    main()
