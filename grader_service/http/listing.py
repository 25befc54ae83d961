"""The query of a list: which page, in which order, of what state."""

from typing import Annotated, Literal

from fastapi import Query, Request

from grader_service.errors import RequestRefused
from grader_service.evals import ids
from grader_service.store.pages import Page

DEFAULT_LIMIT = 20
MOST = 100

Limit = Annotated[
    int, Query(description="Between 1 and 100; what is outside counts as the nearer.")
]
After = Annotated[str | None, Query(description="Id of the last object of the page before.")]
Order = Literal["asc", "desc"]


def page_of(
    request: Request, *, order: Order = "asc", most: int = MOST, default: int = DEFAULT_LIMIT
) -> Page:
    """Raises RequestRefused: 400 for a limit that is no number, another order, an `after` that is no id."""
    after = request.query_params.get("after") or None
    if after is not None and not ids.is_possible(after):
        raise RequestRefused("after: this is no id of an object.", param="after")
    given = choice(request, "order", ("asc", "desc"), order)
    return Page(_limit(request, most, default), after, given == "desc")


def _limit(request: Request, most: int, default: int) -> int:
    text = request.query_params.get("limit")
    if not text:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise RequestRefused(
            f"Invalid type for 'limit': expected an integer, but got {text[:40]!r} instead.",
            param="limit",
        )
    return min(max(int(text), 1), most)


def choice(request: Request, name: str, words: tuple[str, ...], default: str | None) -> str | None:
    """One of the words, or the default where nothing is said.

    Raises:
        RequestRefused: 400 for any other.
    """
    given = request.query_params.get(name)
    if not given:
        return default
    if given not in words:
        supported = ", ".join(repr(word) for word in words)
        raise RequestRefused(
            f"Invalid value for {name!r}: {given[:40]!r}. Supported values are: {supported}.",
            param=name,
        )
    return given
