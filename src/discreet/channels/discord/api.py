"""Discord's REST API: one connection per bot, opened on first use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import httpx

from discreet.channels import http
from discreet.domain.errors import BadInput
from discreet.domain.platform import Identity

TOKEN = re.compile(r"[A-Za-z0-9_-]{18,60}\.[A-Za-z0-9_-]{4,20}\.[A-Za-z0-9_-]{20,120}")
"""The format of a token. Anything else was copied wrongly and isn't sent anywhere."""
READS_MESSAGES = 1 << 18 | 1 << 19
"""Flags of an application that may read message content: of a large one, and of any other."""
PORTAL = "https://discord.com/developers/applications"
INTENT_HINT = f"{PORTAL}, your application, Bot: switch on Message Content Intent."
TOKEN_HINT = f"{PORTAL}, your application, Bot: Reset Token shows a new one."
LIBRARY_HINT = "pip install 'discreet[discord]'"


@dataclass(frozen=True, slots=True)
class ApiConnection:
    """A connection to the API. ``token`` is a secret that gives full control of the bot."""

    token: str = field(repr=False)
    base_url: str

    def url(self, path: str) -> str:
        """Return the URL of an API path."""
        return f"{self.base_url.rstrip('/')}/{path}"

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of a request to the API. File URLs are on other hosts and need no token."""
        return {"Authorization": f"Bot {self.token}"}


def open_client() -> httpx.AsyncClient:
    """Open a client. Close it with ``aclose``."""
    return http.open_client({"User-Agent": f"DiscordBot (discreet, {version('discreet')})"})


def error_of(response: httpx.Response) -> tuple[int, str]:
    """Return the code and text of a rejection; code 0 if the API gave none."""
    try:
        error = response.json()
        return int(error.get("code") or 0), " ".join(str(error.get("message") or "").split())[:200]
    except (ValueError, TypeError, AttributeError):
        return 0, f"HTTP {response.status_code}"


async def gateway_of(connection: ApiConnection) -> str:
    """Return the URL of the gateway.

    Raises:
        Unavailable: the API can't be reached.
    """
    async with open_client() as client:
        found = await _get(client, connection, "gateway")
    return str(found.get("url") or "wss://gateway.discord.gg")


async def who_am_i(connection: ApiConnection) -> Identity:
    """Return the bot of a token, if it may read messages.

    Raises:
        BadInput: the token is invalid or was reset, or the bot may not read messages.
        Unavailable: the API can't be reached.
    """
    if not TOKEN.fullmatch(connection.token):
        raise BadInput("That is not a bot token.", hint=TOKEN_HINT)
    if find_spec("discord") is None:
        raise BadInput("Discord support is not installed.", hint=LIBRARY_HINT)
    async with open_client() as client:
        me = await _get(client, connection, "users/@me")
        application = await _get(client, connection, "applications/@me")
    if not int(application.get("flags") or 0) & READS_MESSAGES:
        raise BadInput("This bot is not allowed to read messages.", hint=INTENT_HINT)
    return Identity(str(me["id"]), str(me["username"]))


async def _get(
    client: httpx.AsyncClient, connection: ApiConnection, path: str
) -> Mapping[str, Any]:
    return await http.read_object(
        client,
        connection.url(path),
        base_url=connection.base_url,
        refused=_mistake,
        headers=connection.headers,
    )


def _mistake(response: httpx.Response) -> BadInput | None:
    if response.status_code not in (401, 403):
        return None
    return BadInput("Discord rejected the token.", hint=TOKEN_HINT)
