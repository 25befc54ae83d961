"""Ids in the forms of the hosted service (grader-api §10, evals-api §3); callers must not read anything in them."""

import re
import secrets
import string
from uuid import uuid4

_ALPHANUMERICS = string.ascii_letters + string.digits
_POSSIBLE = re.compile(r"[!-~]{1,256}")


def new_eval() -> str:
    return f"eval_{secrets.token_hex(16)}"


def new_run() -> str:
    return f"evalrun_{secrets.token_hex(16)}"


def new_item() -> str:
    return f"outputitem_{secrets.token_hex(16)}"


def new_file() -> str:
    return "file-" + "".join(secrets.choice(_ALPHANUMERICS) for _ in range(22))


def new_webhook() -> str:
    return f"we_{secrets.token_hex(16)}"


def new_criterion(name: str) -> str:
    """Unique even where two criteria of an eval have one name."""
    return f"{name}-{uuid4()}"


def is_possible(given: str) -> bool:
    """Whether anything could have this id; a database is not asked for others."""
    return _POSSIBLE.fullmatch(given) is not None
