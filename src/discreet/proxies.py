"""The proxy settings of the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

Each HTTP client reads these variables by itself. What it can't use is found here first, and said in
a line that names the variable. The line never holds its value, which may have a password in it.
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
URL_HINT = "Like http://proxy.example:3128 or socks5h://127.0.0.1:1080."
LIST_HINT = "Like localhost,.example.com,192.0.2.1,::1 (IPv6 without brackets)."


def check_proxies() -> None:
    """Refuse proxies that no client can use. Call it before a client is made.

    Raises:
        BadInput: names the variable, and what is wrong or missing.
    """
    found = getproxies_environment()
    for scheme in ("http", "https", "all"):
        if value := found.get(scheme):
            _check(_variable(scheme), value)
    for entry in found.get("no", "").split(","):
        if not _is_usable_exception(entry.strip()):
            raise BadInput(f"{_variable('no')} has an entry that can't be used.", hint=LIST_HINT)


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy to reach ``url`` through; None: reach it directly.

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
        raise BadInput(f"{variable} is not the URL of a proxy.", hint=URL_HINT) from None
    if url.scheme not in KINDS:
        raise BadInput(
            f"{variable} names a proxy of a kind that isn't known ({url.scheme!a})."
            if url.scheme.isidentifier()
            else f"{variable} is not the URL of a proxy.",
            hint=f"Known kinds: {', '.join(KINDS)}.",
        )
    if not url.host:
        raise BadInput(f"{variable} names a proxy without its host.", hint=URL_HINT)
    if url.scheme in SOCKS and find_spec("socksio") is None:
        raise BadInput(
            f"{variable} names a SOCKS proxy, which needs a package that isn't installed.",
            hint="pip install 'httpx[socks]'",
        )


def _is_usable_exception(entry: str) -> bool:
    """Return whether httpx takes an entry of NO_PROXY; it makes the same pattern of it."""
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
    """Return the name under which the value was found; the lower-case one wins."""
    lower = f"{scheme}_proxy"
    return lower if os.environ.get(lower) else lower.upper()
