"""The checks of every request to the dashboard, and the headers of every response."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "discreet_session"
CSRF_FIELD = "csrf"
MAX_FORM_BYTES = 1_300_000
"""A reference text of a million bytes, and its form."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
READING = frozenset({"GET", "HEAD"})
HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")
"""A Host header: a name or an address, and perhaps a port. Nothing else that a URL may contain."""
FROM_HERE = frozenset({"same-origin", "none", ""})
"""What browsers say of a form that one of our own pages sent; nothing: they are old."""

# No inline script or style, nothing from anywhere else, and no frame around it.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True, slots=True)
class Site:
    """Where the dashboard may be opened. ``public``: its address behind a proxy, or empty."""

    public: str = ""

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it over TLS, so that its cookie may travel over nothing else."""
        return self.public.startswith("https://")

    def knows(self, host: str) -> bool:
        """Return whether a Host header names this site.

        Any other name points at this machine without belonging to it (DNS rebinding).
        """
        if self.public and host.lower() == urlsplit(self.public).netloc.lower():
            return True
        name = HOST.fullmatch(host.lower())
        return name is not None and name["name"] in LOOPBACK

    def sends_from(self, origin: str, host: str) -> bool:
        """Return whether a page of this site, opened under ``host``, has an origin."""
        ours = {f"http://{host}".lower(), f"https://{host}".lower()}
        # A proxy may pass its own Host on.
        return origin.lower() in ours | ({self.public.lower()} if self.public else set())


class Guard:
    """ASGI middleware: refuse foreign hosts and origins and large forms; add the headers."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    added.setdefault(name, value)
                added.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope["method"], headers)
        app = self._app if refusal is None else refusal
        await app(scope, receive, guarded)

    def _refusal(self, method: str, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if not self._site.knows(host):
            return PlainTextResponse(
                "Unknown host. Open the dashboard at the address that sb dashboard prints, or set"
                " DISCREET_DASHBOARD_URL.\n",
                421,
            )
        if method in READING:
            return None
        origin = headers.get("origin", "")
        is_ours = not origin or self._site.sends_from(origin, host)
        if not is_ours or headers.get("sec-fetch-site", "") not in FROM_HERE:
            return PlainTextResponse("This form was sent from another site.\n", 403)
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_FORM_BYTES:
            return PlainTextResponse("This form is too large.\n", 413)
        return None


def csrf_token(secret: str) -> str:
    """Return the token in a session's forms, which can't be made without the cookie."""
    return hmac.new(secret.encode(), b"discreet: csrf", hashlib.sha256).hexdigest()


async def checked_form(request: Request) -> FormData:
    """Read a form, once its CSRF token is right.

    Raises:
        HTTPException: 403, the token is missing or of another session.
    """
    form = await request.form(max_files=1, max_fields=50, max_part_size=MAX_FORM_BYTES)
    given = form.get(CSRF_FIELD)
    if not isinstance(given, str) or not hmac.compare_digest(
        given.encode(), csrf_token(request.cookies.get(COOKIE, "")).encode()
    ):
        raise HTTPException(403, "This form has expired. Go back, reload the page and try again.")
    return form
