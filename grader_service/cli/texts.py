"""The option that takes a text: as it stands, out of a file, or from standard input."""

import sys
from pathlib import Path

from grader_service.errors import CannotStart


def text(option: str, given: str) -> str:
    """The text itself, or what `@FILE` or `-` stands for."""
    try:
        found = _read(given)
        found.encode()  # bytes of the command line that are no UTF-8 become lone surrogates
    except OSError as error:
        raise CannotStart(f"{given[1:]!r} cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise CannotStart(f"{option} is no valid UTF-8; convert it first") from None
    return found


def _read(given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    return Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
