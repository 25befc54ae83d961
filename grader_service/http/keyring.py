"""The keys that are valid now: those of the settings, or those of a file that is followed while the server runs."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from grader_service import files, keys
from grader_service.errors import CannotStart
from grader_service.events import KeysLoaded, Observe
from grader_service.keys import NamedKey

POLL_SECONDS = 0.5
MAX_FILE_BYTES = 1024 * 1024


class Keyring:
    """Knows keys by their hashes alone. A file that turned bad keeps the last good keys, and its fault is told."""

    def __init__(self, given: Iterable[NamedKey], file: Path | None, observe: Observe) -> None:
        self._file = file
        self._observe = observe
        self._digests = _digests(given)
        self._content: bytes | None = None
        self.faults: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether nobody needs a key; a server with a file of keys is never open, whatever is in it."""
        return self._file is None and not self._digests

    def __len__(self) -> int:
        return len(self._digests)

    def owner(self, key: bytes) -> str | None:
        """Whose key this is. Compares its hash with all of them, in constant time each."""
        sent = _digest(key)
        owner = None
        for name, digest in self._digests:
            if hmac.compare_digest(sent, digest):
                owner = name
        return owner

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Take the file's keys, and those of each later version of it. Polls: mounted folders send no notices.

        Raises:
            CannotStart: the file holds no keys.
        """
        if self._file is None:
            yield
            return
        if faults := await self._take(self._file):
            raise CannotStart(faults[0])
        self._observe(KeysLoaded(len(self), ()))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, self._file)
            yield
            tasks.cancel_scope.cancel()

    async def _watch(self, file: Path) -> None:
        while True:
            await anyio.sleep(POLL_SECONDS)
            faults = await self._take(file)
            if faults == () or faults not in (None, self.faults):
                self.faults = faults or ()
                self._observe(KeysLoaded(len(self), self.faults))

    async def _take(self, file: Path) -> tuple[str, ...] | None:
        """Take the keys of the file, or say what is wrong and leave those that there are; None where nothing is new.

        The whole content is compared: no edit, no switched link and no kept time can hide a change.
        """
        try:
            content = await anyio.to_thread.run_sync(files.read, file, MAX_FILE_BYTES)
        except OSError as error:
            self._content = None
            return (f"GRADER_API_KEYS_FILE: {str(file)!r} cannot be read: {error.strerror}",)
        if content == self._content:
            return None
        self._content = content
        try:
            self._digests = _digests(_keys(content))
        except ValueError as error:
            return (f"GRADER_API_KEYS_FILE: {str(file)!r}: {error}",)
        return ()


def _keys(content: bytes) -> tuple[NamedKey, ...]:
    try:
        found = keys.parse(content.decode(), bare=False)
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None
    if not found:
        raise ValueError(f"there is no key in it; {keys.FORM}")
    return found


def _digests(named: Iterable[NamedKey]) -> tuple[tuple[str, bytes], ...]:
    return tuple((each.name, _digest(each.key.get_secret_value().encode())) for each in named)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
