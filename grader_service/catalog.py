"""Graders with a name: a folder of `NAME.json` and `NAME.yaml` files, checked at start and again on each change."""

import contextlib
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import anyio
import yaml
from pydantic import ValidationError

from grader_service import files, jsontext
from grader_service.errors import CannotStart, InvalidGrader
from grader_service.events import CatalogueLoaded
from grader_service.graders import GRADER
from grader_service.graders.base import Grader
from grader_service.graders.context import Engines
from grader_service.graders.faults import faults_of

SUFFIXES = (".json", ".yaml", ".yml")
POLL_SECONDS = 0.5
MAX_CHARACTERS = 4 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


Signatures = frozenset[tuple[str | int, ...]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A grader of the catalogue; `hash` is the SHA-256 of its file, in hex."""

    name: str
    hash: str
    grader: Grader


class FileFault(Exception):
    """A file that is no grader; its text is "file:line: message", a line for each fault."""


class Catalogue:
    """What is served now. A file that turned bad keeps its last good entry, and its fault is told."""

    def __init__(self, folder: Path | None, engines: Engines) -> None:
        self._folder = folder
        self._engines = engines
        self.entries: Mapping[str, Entry] = MappingProxyType({})
        self.faults: tuple[str, ...] = ()

    async def load(self) -> None:
        """Read the folder; entries that did not change stay the same objects.

        Raises:
            CannotStart: the folder cannot be read.
        """
        entries: dict[str, Entry] = {}
        faults: list[str] = []
        for path in await anyio.to_thread.run_sync(self._files):
            name = path.stem
            try:
                if name in entries:
                    raise FileFault(
                        f"{path.name}:1: {name!r} is the name of another file too; rename one"
                    )
                entries[name] = await self._entry(path)
            except FileFault as fault:
                faults.append(str(fault))
                if name in self.entries:
                    entries.setdefault(name, self.entries[name])
        self.entries = MappingProxyType(entries)
        self.faults = tuple(faults)
        self._engines.observe(CatalogueLoaded(tuple(entries), self.faults))

    def _files(self) -> list[Path]:
        """Hidden files are left alone: they are editors' and file systems' own."""
        if self._folder is None:
            return []
        try:
            return sorted(path for path in self._folder.iterdir() if _is_named(path))
        except OSError as error:
            raise CannotStart(
                f"GRADER_CATALOGUE: the folder {str(self._folder)!r} cannot be read: {error.strerror}"
            ) from None

    async def _entry(self, path: Path) -> Entry:
        if not _NAME.fullmatch(path.stem):
            raise FileFault(
                f"{path.name}:1: {path.stem!r} cannot be a grader's name; use letters, digits, `.`, `_` and `-`"
            )
        try:
            content = await anyio.to_thread.run_sync(files.read, path, MAX_CHARACTERS)
        except OSError as error:
            raise FileFault(f"{path.name}:1: cannot be read: {error.strerror}") from None
        digest = hashlib.sha256(content).hexdigest()
        known = self.entries.get(path.stem)
        if known is not None and known.hash == digest:
            return known
        try:
            grader = parse(path, content)
            await grader.check(self._engines)
        except InvalidGrader as error:
            line = _line_of(content, tuple(re.findall(r"[^.\[\]]+", error.param or "")))
            raise FileFault(f"{path.name}:{line}: {error.message}") from None
        return Entry(path.stem, digest, grader)

    async def signatures(self) -> Signatures:
        """How the folder looks now, to be told apart from how it looks later."""
        return await anyio.to_thread.run_sync(self._signatures)

    async def watch(self, seen: Signatures) -> None:
        """Load again after every change from what was seen, until cancelled. Polls: mounted folders send no notices."""
        while True:
            await anyio.sleep(POLL_SECONDS)
            now = await self.signatures()
            if now != seen:
                seen = now
                await self._reload()

    def _signatures(self) -> Signatures:
        """What is different after an edit, a rename, a switched link or other permissions, even within one second."""
        with contextlib.suppress(CannotStart):
            return frozenset((path.name, *_signature(path)) for path in self._files())
        return frozenset()

    async def _reload(self) -> None:
        try:
            await self.load()
        except CannotStart as error:
            self.faults = (str(error),)
            self._engines.observe(CatalogueLoaded(tuple(self.entries), self.faults))


def _is_named(path: Path) -> bool:
    return path.suffix in SUFFIXES and not path.name.startswith(".")


def _signature(path: Path) -> tuple[int, ...]:
    try:
        state = path.stat()
    except OSError:  # a link to nowhere
        return ()
    return state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino


@asynccontextmanager
async def open_catalogue(folder: Path | None, engines: Engines) -> AsyncIterator[Catalogue]:
    """A catalogue that follows its folder.

    Raises:
        CannotStart: a file is no grader; every fault with file and line.
    """
    catalogue = Catalogue(folder, engines)
    seen = await catalogue.signatures()  # before it is read, or an edit in between would be missed
    await catalogue.load()
    if catalogue.faults:
        raise CannotStart("the catalogue has faults:\n" + "\n".join(catalogue.faults))
    if folder is None:
        yield catalogue
        return
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(catalogue.watch, seen)
        yield catalogue
        tasks.cancel_scope.cancel()


def parse(path: Path, content: bytes) -> Grader:
    """A grader file's content; a grader without a name takes the file's.

    Raises:
        FileFault: see there.
    """
    data = _read(path, content)
    if isinstance(data, dict) and "name" not in data:
        data["name"] = path.stem
    try:
        return GRADER.validate_python(data)
    except ValidationError as error:
        raise FileFault(
            "\n".join(
                f"{path.name}:{_line_of(content, fault.path)}: {fault.message}"
                for fault in faults_of(error, data)
            )
        ) from None


def _read(path: Path, content: bytes) -> Any:
    if path.suffix == ".json":
        try:
            return jsontext.loads(content)
        except jsontext.JsonError as error:
            place = re.search(r"line (\d+)", str(error))
            raise FileFault(f"{path.name}:{place[1] if place else 1}: {error}") from None
    try:
        return jsontext.loads(_json_of(yaml.safe_load(content)))
    except (TypeError, ValueError) as error:  # a date, a binary, a NaN, text that is no Unicode
        raise FileFault(f"{path.name}:1: holds something that JSON cannot say: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FileFault(f"{path.name}:{line}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise FileFault(f"{path.name}:1: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise FileFault(f"{path.name}:1: nested too deep") from None


def _json_of(value: Any) -> str:
    """JSON has no aliases: a few lines that name each other can stand for gigabytes.

    Raises:
        TypeError, ValueError: JSON cannot say it, or not within `MAX_CHARACTERS`.
    """
    room = MAX_CHARACTERS
    written = []
    for piece in json.JSONEncoder(allow_nan=False).iterencode(value):
        room -= len(piece)
        if room < 0:
            raise ValueError(f"its aliases stand for more than {MAX_CHARACTERS:,} characters")
        written.append(piece)
    return "".join(written)


def _line_of(content: bytes, path: tuple[str | int, ...]) -> int:
    """The line of a place, or of the innermost thing around it that is there. JSON is YAML once its tabs are blanks.

    Almost: YAML knows neither control characters nor keys of more than 1,024. Then it is the first line.
    """
    try:
        node = yaml.compose(content.decode().replace("\t", " "), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError):
        return 1
    line = node.start_mark.line if node is not None else 0
    for step in path:
        child = None
        if isinstance(node, yaml.MappingNode):
            child = next((pair for pair in node.value if pair[0].value == str(step)), None)
        elif (
            isinstance(node, yaml.SequenceNode)
            and str(step).isdigit()
            and int(step) < len(node.value)
        ):
            child = (node.value[int(step)],) * 2
        if child is None:
            break
        line, node = child[0].start_mark.line, child[1]
    return int(line) + 1
