"""Read the environment's proxy settings: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

Each HTTP client reads these variables itself. Values that it can't use are rejected here first, in
an error that names the variable. The error never contains the value, which may include a password.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import httpx

from discreet.domain.errors import BadInput

__all__ = ["check_proxies", "proxy_for"]

SOCKS = ("socks5", "socks5h")
KINDS = ("http", "https", *SOCKS)
URL_HINT = "Use a URL such as http://proxy.example:3128 or socks5h://127.0.0.1:1080."
LIST_HINT = "Use a list such as localhost,.example.com,192.0.2.1,::1 (IPv6 without brackets)."


def check_proxies() -> None:
    """Reject proxy settings that no client can use. Call it before creating a client.

    Raises:
        BadInput: names the variable and what is wrong or missing.
    """
    found = getproxies_environment()
    for scheme in ("http", "https", "all"):
        if value := found.get(scheme):
            _check(_variable(scheme), value)
    for entry in found.get("no", "").split(","):
        if not _is_usable_exception(entry.strip()):
            raise BadInput(f"{_variable('no')} has an invalid entry.", hint=LIST_HINT)


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy for ``url``, or None to connect directly.

    Raises:
        BadInput: as for ``check_proxies``.
    """
    check_proxies()
    found, asked = getproxies_environment(), urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(asked.scheme, asked.scheme)
    proxy = found.get(scheme) or found.get("all")
    if not proxy or proxy_bypass(asked.netloc):
        return None
    return _with_scheme(proxy)


def _check(variable: str, value: str) -> None:
    try:
        url = httpx.URL(_with_scheme(value))
    except httpx.InvalidURL:
        raise BadInput(f"{variable} is not a valid proxy URL.", hint=URL_HINT) from None
    if url.scheme not in KINDS:
        raise BadInput(
            f"{variable} names an unknown kind of proxy ({url.scheme!a})."
            if url.scheme.isidentifier()
            else f"{variable} is not a valid proxy URL.",
            hint=f"Known kinds: {', '.join(KINDS)}.",
        )
    if not url.host:
        raise BadInput(f"{variable} names a proxy without a host.", hint=URL_HINT)
    if url.scheme in SOCKS and find_spec("socksio") is None:
        raise BadInput(
            f"{variable} names a SOCKS proxy, which needs an extra package.",
            hint="pip install 'httpx[socks]'",
        )


def _is_usable_exception(entry: str) -> bool:
    """Return whether httpx accepts an entry of NO_PROXY. It builds the same pattern from it."""
    try:
        ip_address(entry.partition("/")[0])
    except ValueError:
        pass
    else:
        return True
    try:
        httpx.URL(entry if "://" in entry else f"all://*{entry}")
    except httpx.InvalidURL:
        return False
    return True


def _with_scheme(value: str) -> str:
    return value if "://" in value else f"http://{value}"


def _variable(scheme: str) -> str:
    """Return the name of the variable that is set. The lower-case name wins."""
    lower = f"{scheme}_proxy"
    return lower if os.environ.get(lower) else lower.upper()
