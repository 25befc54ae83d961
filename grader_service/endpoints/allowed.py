"""Which scorers may be called: hosts by name, and addresses by what they lead to.

scorer.example.com          https, on any port, where the name leads to public addresses
*.example.com, *            the same, for every name below one, for every host
scorer.internal:8443        https to this port, private addresses too
http://127.0.0.1:9000       plain HTTP to this port, private addresses too
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from grader_service.errors import CannotStart

_ENTRY = re.compile(r"(?:(http|https)://)?([^\s/:\[\]@?#]+|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMERIC = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")
"""The end of 127.1, 2130706433, 0x7f.1: notations that resolvers know and people do not read."""

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL's parts; `host` is lower case, without brackets and the last dot."""

    scheme: Literal["http", "https"]
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Entry:
    scheme: str
    host: str
    port: int | None

    def names(self, target: Target) -> bool:
        """An exact host and port, so that whoever wrote it knows what is there."""
        return (self.scheme, self.host, self.port) == (target.scheme, target.host, target.port)

    def covers(self, target: Target) -> bool:
        if self.port is not None:
            return self.names(target)
        return target.scheme == "https" and fnmatchcase(target.host, self.host)


class Allowed:
    """What a setting allows; `setting` is its name, for messages.

    Raises:
        CannotStart: an entry that means nothing.
    """

    def __init__(self, setting: str, hosts: Iterable[str]) -> None:
        self.setting = setting
        self._entries = [_entry(setting, host) for host in hosts]

    def permits(self, target: Target) -> bool:
        """Whether this host, by its name alone, may be called."""
        return any(entry.covers(target) for entry in self._entries)

    def permits_private(self, target: Target) -> bool:
        """Whether this host may lead anywhere."""
        return any(entry.names(target) for entry in self._entries)


def _entry(setting: str, text: str) -> _Entry:
    found = _ENTRY.fullmatch(text)
    if found is None or (found[1] == "http" and found[3] is None) or int(found[3] or 1) > 65535:
        raise CannotStart(
            f"{setting}: {text!r} is no host; write scorer.example.com, *.example.com, HOST:PORT or http://HOST:PORT"
        )
    port = int(found[3]) if found[3] else None
    if port is not None and "*" in found[2]:
        raise CannotStart(
            f"{setting}: {text!r} would allow private addresses to many hosts; name each one"
        )
    return _Entry(found[1] or "https", _bare(found[2]), port)


def target_of(url: str) -> Target:
    """Raises ValueError, saying what is wrong, where the URL is none for a scorer."""
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("it is no URL") from None
    if re.search(r"[\s\\\x00-\x1f\x7f]", url):
        raise ValueError("it has a blank, a backslash or a control character in it")
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        raise ValueError("it must begin with https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it has a user or password in it; send them as a header")
    host = _bare(parts.hostname)
    if literal(host) is None and _NUMERIC.search(host):
        raise ValueError("its host is an address in another notation than four numbers with dots")
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    default = 443 if scheme == "https" else 80
    return Target(scheme, host, default if port is None else port)


def literal(host: str) -> Address | None:
    """The address that a host is, where it is no name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Whether an address leads to the open internet, and nowhere inside by way of another notation."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_private
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
    )


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside a mapped, 6to4, Teredo, NAT64 or IPv4-compatible one."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64) or address in _COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _bare(host: str) -> str:
    return host.lower().strip("[]").removesuffix(".")
