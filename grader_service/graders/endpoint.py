"""`endpoint`: the score that a user's own HTTP scorer gives (grader-api §9)."""

import re
import secrets
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator

from grader_service.endpoints.allowed import target_of
from grader_service.endpoints.base import DEFAULT_RATE_LIMIT, Call
from grader_service.graders.base import Grader
from grader_service.graders.context import Context, Engines
from grader_service.graders.result import Score

MAX_RATE_LIMIT = 1000

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_CONTROL = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_OURS = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that belong to the connection: with them a request could be made to mean two things."""


def _check_url(url: str) -> str:
    target_of(url)
    return url


class Endpoint(Grader):
    """Gets the raw `sample` and `item`, no templates. The values of `headers` are secrets."""

    type: Literal["endpoint"]
    url: Annotated[str, Field(max_length=2048), AfterValidator(_check_url)]
    headers: dict[str, SecretStr] | None = Field(None, repr=False)
    rate_limit: Annotated[int, Field(ge=1, le=MAX_RATE_LIMIT)] | None = None

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, SecretStr] | None) -> dict[str, SecretStr] | None:
        for name, value in (headers or {}).items():
            if not _TOKEN.fullmatch(name):
                raise ValueError(f"{name[:60]!r} cannot be a header's name")
            if name.lower() in _OURS:
                raise ValueError(f"the header {name!r} is the connection's own; remove it")
            if _CONTROL.search(value.get_secret_value()):
                raise ValueError(
                    f"the value of the header {name!r} has a character that headers cannot have"
                )
        return headers

    async def check(self, engines: Engines) -> list[str]:
        """Raises InvalidGrader where the URL is not allowed here."""
        return engines.endpoints.check(self.url)

    async def score(self, ctx: Context) -> Score:
        call = Call(
            url=self.url,
            sample=ctx.sample,
            item=ctx.item,
            trace_id=ctx.trace_id or f"trace_{secrets.token_hex(16)}",
            headers=self.headers or {},
            rate_limit=self.rate_limit or DEFAULT_RATE_LIMIT,
        )
        return Score(await ctx.engines.endpoints.score(call))
