"""The pages on which somebody signs in at a tool server, for the contact that got the link.

They need no token: a link is the secret. Reading a page changes nothing, because previews and
scanners open links too; only its button does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jinja2 import DictLoader, Environment, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from discreet.domain.errors import DiscreetError, NotFound
from discreet.services.connecting import GONE, come_back, cookie_of, open_link, preview
from discreet.services.connections import LINK_LASTS
from discreet.tools.oauth import SignInLost

if TYPE_CHECKING:
    from discreet.services.tool_access import ToolAccess

MAX_CHARACTERS = 4_000
"""Characters of a value that a browser brings back."""
HEADERS = {
    # No form-action: browsers apply it to where a form is redirected to, and that is another site.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline';"
    " frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    # No other site learns the link. With no-referrer, browsers say "Origin: null" of our own form.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
_PAGES = {
    "frame": """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{{ title }}</title>
<style>
body { font: 1.05rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto;
  padding: 0 1rem; }
button { font: inherit; padding: .6rem 1.2rem; }
.code { font: 2rem/1.5 ui-monospace, monospace; letter-spacing: .1em; user-select: all; }
</style></head><body><h1>{{ title }}</h1>{% block body %}{% endblock %}</body></html>""",
    "link": """{% extends "frame" %}{% block body %}
<p>The agent <b><bdi>{{ party.agent }}</bdi></b> wants to use an account at
<b><bdi>{{ party.server }}</bdi></b> ({{ party.host }}).</p>
<p>It will use it in the conversation with <b><bdi>{{ party.whose }}</bdi></b>, and nowhere else.
If that isn't you, close this page.</p>
<form method="post"><button>Sign in at {{ party.host }}</button></form>
{% endblock %}""",
    "code": """{% extends "frame" %}{% block body %}
<p>One more step. In the conversation of <b><bdi>{{ party.whose }}</bdi></b> with
<b><bdi>{{ party.agent }}</bdi></b>, send this code within ten minutes:</p>
<p class="code">{{ code }}</p>
<p>If somebody else gave you the link, don't tell them the code: they could use your account.</p>
{% endblock %}""",
    "said": """{% extends "frame" %}{% block body %}<p>{{ text }}</p>{% endblock %}""",
}


def connect_app(access: ToolAccess) -> Starlette:
    """Build the application that serves the pages below ``/connect/``."""
    pages = _Pages(access)
    return Starlette(
        routes=[
            Route("/connect/back", pages.back, methods=["GET"]),
            Route("/connect/{link}", pages.show, methods=["GET"]),
            Route("/connect/{link}", pages.open, methods=["POST"]),
        ],
        exception_handlers={DiscreetError: pages.on_error},
    )


class _Pages:
    def __init__(self, access: ToolAccess) -> None:
        self._access = access
        self._templates = Environment(
            loader=DictLoader(_PAGES), autoescape=True, undefined=StrictUndefined
        )

    async def show(self, request: Request) -> Response:
        """Show whom a link will serve."""
        party = await preview(self._access, request.path_params["link"])
        return self._page("link", f"Connect an account for {party.agent}", party=party)

    async def open(self, request: Request) -> Response:
        """Use a link up, and lead to where one signs in."""
        origin = request.headers.get("origin")
        if origin is not None and origin != self._access.public_url:
            return self._said("This form was sent from another site. Nothing was connected.", 403)
        opened = await open_link(self._access, request.path_params["link"])
        response = RedirectResponse(opened.url, 303, HEADERS)
        response.set_cookie(
            opened.cookie,
            opened.secret,
            max_age=int(LINK_LASTS.total_seconds()),
            path="/connect/",
            httponly=True,
            samesite="lax",
            secure=urlsplit(self._access.public_url or "").scheme == "https",
        )
        return response

    async def back(self, request: Request) -> Response:
        """Take a browser back that signed in, and show the code for the chat."""
        given = {
            name: value[:MAX_CHARACTERS]
            for name, value in request.query_params.items()
            if name in ("state", "code", "error", "iss")
        }
        state = given.get("state", "")
        code = None if "error" in given else given.get("code")
        secret = request.cookies.get(cookie_of(state), "")
        try:
            done = await come_back(self._access, state, secret, code, given.get("iss"))
        except SignInLost as error:
            return self._said(f"Nothing was connected: {error}. Ask the agent for a new link.", 400)
        return self._page("code", "Send the code", party=done.party, code=done.code)

    async def on_error(self, _: Request, error: Exception) -> Response:
        """Say why nothing was connected."""
        if isinstance(error, NotFound):
            return self._said(f"{GONE} Ask the agent for a new one.", 404)
        return self._said(f"{error} Ask the agent for a new link later.", 502)

    def _said(self, text: str, status: int) -> Response:
        return self._page("said", "Nothing was connected", status, text=text)

    def _page(self, name: str, title: str, status: int = 200, **given: object) -> Response:
        text = self._templates.get_template(name).render(title=title, **given)
        return HTMLResponse(text, status, HEADERS)
