"""Which addresses a URL that somebody entered may lead to.

A name is resolved here, and the call goes to the address that was checked, so a name that leads
somewhere else a moment later changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio

from discreet.domain.errors import BadInput, Unavailable

RESOLVE_SECONDS = 10.0
_TRANSLATED = (
    ipaddress.ip_network("64:ff9b::/96"),
    ipaddress.ip_network("64:ff9b:1::/48"),
    ipaddress.ip_network("2002::/16"),
    ipaddress.ip_network("2001::/32"),
)
"""IPv6 networks whose addresses carry an IPv4 address, which may be a private one."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a URL leads. ``url`` names the address in place of the host."""

    url: str
    host: str
    host_header: str


def checked_url(url: str, *, allow_private: bool) -> str:
    """Return a URL that may be called, without looking up its host.

    Raises:
        BadInput: it isn't an https:// URL, or has a user, a fragment or an invalid port.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise BadInput(f"{url[:200]!a} is not a URL.") from None
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise BadInput(
            "A webhook needs an https:// address.",
            hint="For an address in your own network, add --allow-private; then http:// works too.",
        )
    if not host or port == 0 or parts.username is not None or parts.fragment:
        raise BadInput("This URL needs a host and must not have a user name, a fragment or port 0.")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise BadInput("This URL has characters that must be percent-encoded.")
    return url


async def destination_of(url: str, *, allow_private: bool) -> Destination:
    """Look up where a URL leads.

    Raises:
        BadInput: it leads to this machine or a private network, and may not.
        Unavailable: its host can't be found.
    """
    parts = urlsplit(checked_url(url, allow_private=allow_private))
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with anyio.fail_after(RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
    except (OSError, UnicodeError, TimeoutError):
        raise Unavailable(f"The host {host[:100]!a} can't be found.") from None
    addresses = [str(info[4][0]) for info in found]
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise BadInput(
                    f"{host[:100]} is an address of this machine or a private network.",
                    hint="If you mean it, add --allow-private.",
                )
    address = addresses[0]
    literal = f"[{address}]" if ":" in address else address
    return Destination(parts._replace(netloc=f"{literal}:{port}").geturl(), host, parts.netloc)


def is_public(address: str) -> bool:
    """Return whether an address is one of the public internet."""
    try:
        one = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(one, ipaddress.IPv6Address):
        if one.ipv4_mapped is not None:
            one = one.ipv4_mapped
        elif any(one in network for network in _TRANSLATED):
            return False
    return one.is_global and not one.is_multicast
