"""Posts to the hosts that an operator has allowed, and to nothing else."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict

from grader_service.endpoints.allowed import Allowed, Target, is_public, literal, target_of
from grader_service.endpoints.posting import Answer, AnswerTooLarge, NotPermitted, Unreachable
from grader_service.trace import outgoing

MAX_CONNECTIONS: Final = 256


class _PrivateAddress(OSError):
    """A name that leads to an address which may not be called."""


class _Resolver(AbstractResolver):
    """Resolves and judges in one step: the address that was looked at is the one that is connected to."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if self._allowed.permits_private(
            Target("https", host, port)
        ) or self._allowed.permits_private(Target("http", host, port)):
            return found
        for result in found:
            address = literal(result["host"].partition("%")[0])
            if address is None or not is_public(address):
                raise _PrivateAddress
        return found

    async def close(self) -> None:
        await self._resolver.close()


class Guarded:
    """Implements `Posting`; `who` says what is called ("the scorer"), `allowed` what may be."""

    def __init__(self, session: aiohttp.ClientSession, allowed: Allowed, who: str) -> None:
        self._session = session
        self._allowed = allowed
        self._who = who

    def permit(self, url: str) -> Target:
        try:
            target = target_of(url)
        except ValueError as error:
            raise NotPermitted(f"{self._who}'s URL cannot be called: {error}") from None
        if not self._allowed.permits(target):
            raise NotPermitted(
                f"{target.scheme}://{target.host}:{target.port} is not among the hosts that {self._allowed.setting} allows"
            )
        address = literal(target.host)
        if (
            address is not None
            and not is_public(address)
            and not self._allowed.permits_private(target)
        ):
            raise self._private(target)
        return target

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], max_answer_bytes: int
    ) -> Answer:
        target = self.permit(url)
        sent = CIMultiDict(
            {"content-type": "application/json", "accept": "application/json", **outgoing()}
        )
        sent.update(headers)
        who = f"{self._who} at {target.host}"
        try:
            async with self._session.post(
                url, data=body, headers=sent, allow_redirects=False
            ) as response:
                return Answer(response.status, await _read(response, max_answer_bytes))
        except aiohttp.ClientConnectorDNSError as error:
            if isinstance(error.os_error, _PrivateAddress):
                raise self._private(target) from None
            raise Unreachable(f"{who} cannot be found: its name does not resolve") from None
        except (aiohttp.InvalidURL, UnicodeError):  # the latter where no name could be so long
            raise NotPermitted(f"{who} cannot be called: its URL is none") from None
        except aiohttp.ClientConnectorError:
            raise Unreachable(f"{who} cannot be reached") from None
        except aiohttp.ClientError:
            raise Unreachable(f"{who} broke the connection before its answer was whole") from None

    def _private(self, target: Target) -> NotPermitted:
        return NotPermitted(
            f"{target.host} leads to an address that is not public; allow it as {target.host}:{target.port} in {self._allowed.setting}"
        )


@asynccontextmanager
async def open_guarded(allowed: Allowed, who: str) -> AsyncIterator[Guarded]:
    """For as long as the connections live."""
    connector = aiohttp.TCPConnector(
        resolver=_Resolver(allowed), use_dns_cache=False, limit=MAX_CONNECTIONS
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
    ) as session:
        yield Guarded(session, allowed, who)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > limit:
            raise AnswerTooLarge
    return bytes(content)
