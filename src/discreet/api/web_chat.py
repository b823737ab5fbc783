"""The page of a web chat, its script for the site, and tokens for its visitors."""

from __future__ import annotations

import html
from importlib.resources import files
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from fastapi import APIRouter, Depends, Request, Response

from discreet.api.dependencies import Api, refuse_other_content
from discreet.domain.errors import Forbidden
from discreet.schemas import web_chats as wire
from discreet.services.web_chats import get_web_chat, open_web_chat

router = APIRouter(
    prefix="/api/chat", include_in_schema=False, dependencies=[Depends(refuse_other_content)]
)

STATIC = {
    "chat.js": "text/javascript; charset=utf-8",
    "chat.css": "text/css; charset=utf-8",
    "widget.js": "text/javascript; charset=utf-8",
}
ADDRESSES = UUID("6f1a7c0e-3f0c-4a53-9f43-5d1d4ab1d1c5")
"""The namespace of the names that visitors' network addresses are counted under."""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Chat with {agent}</title>
<link rel="stylesheet" href="chat.css"></head>
<body data-chat="{chat}" data-origins="{origins}">
<main><h1 dir="auto">{agent}</h1>
<div id="log" role="log" aria-live="polite" aria-label="Conversation" tabindex="0"></div>
<p id="note" role="status"></p>
<form id="form"><label for="text" class="unseen">Your message</label>
<textarea id="text" rows="1" maxlength="10000" required dir="auto"
 placeholder="Write a message"></textarea>
<button>Send</button></form></main>
<script src="chat.js"></script></body></html>
"""


@router.get("/{chat_id}/")
async def show(request: Request, chat_id: UUID) -> Response:
    """Show the page that the site puts into a frame."""
    api: Api = request.app.state.api
    chat = await get_web_chat(api.app.db, api.app.owner_id, chat_id)
    page = PAGE.format(
        agent=html.escape(chat.agent), chat=chat.id, origins=html.escape(" ".join(chat.origins))
    )
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'self' " + " ".join(chat.origins)
    )
    return Response(
        page,
        media_type="text/html; charset=utf-8",
        headers={
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


@router.get("/{chat_id}/{name}")
async def get_static(chat_id: UUID, name: str) -> Response:  # noqa: ARG001 - beside each page
    """Return a file of the page."""
    if name not in STATIC:
        return Response(status_code=404)
    text = files("discreet.api").joinpath("static", name).read_text(encoding="utf-8")
    return Response(
        text,
        media_type=STATIC[name],
        headers={
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "max-age=300",
            # The script of the site is loaded by pages of other origins.
            "Cross-Origin-Resource-Policy": "cross-origin",
        },
    )


@router.post("/{chat_id}/session")
async def open_session(
    request: Request, chat_id: UUID, given: wire.VisitorToOpen
) -> wire.OpenedChat:
    """Return a token for a visitor. Only the page itself may ask."""
    api: Api = request.app.state.api
    origin = request.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("Only the chat's own page may request this.")
    address = request.client.host if request.client is not None else ""
    api.visitors.take(uuid5(ADDRESSES, _network_of(address)))
    return await open_web_chat(api.app.web_chats, chat_id, given)


def _network_of(address: str) -> str:
    """Return what is counted as one: an IPv4 address, or the /64 of IPv6 that one visitor has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed) >> 64 << 64, 64)))
