"""Send answers to WhatsApp, one part at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import httpx
import structlog

from discreet.channels.http import Answers, download
from discreet.channels.whatsapp.api import ApiConnection, error_of
from discreet.channels.whatsapp.formatting import split
from discreet.channels.whatsapp.parse import GROUP_CHAT, PLATFORM
from discreet.domain.errors import Unavailable
from discreet.domain.outbound import (
    NoFile,
    Outbound,
    Place,
    Rejected,
    SendResult,
    Unreachable,
)
from discreet.domain.parts import SplitCache
from discreet.domain.platform import OpenChannel

log = structlog.get_logger(__name__)

WINDOW = timedelta(hours=24)
"""How long after a person's message a business may answer freely. Later, only templates are
allowed.
"""
TYPING_SECONDS = 24.0
"""WhatsApp shows the indicator for 25 seconds, or until the answer arrives."""
_SLOW_DOWN = {4: 60, 80007: 60, 130429: 10, 131048: 300, 131056: 10}
"""Error codes of rate limits, and the seconds to wait if WhatsApp names none."""


def _wait_of(response: httpx.Response, code: int) -> float:
    named = response.headers.get("retry-after", "")
    return float(named) if named.isdecimal() else _SLOW_DOWN.get(code, 10)


ANSWERS = Answers(
    "WhatsApp",
    error_of,
    sent_id=lambda sent: str(sent["messages"][0]["id"]),
    wait_of=_wait_of,
    slow_down=frozenset(_SLOW_DOWN),
    not_there=frozenset({131026, 131030, 131047, 131050, 130472}),
    wrong_token=frozenset({0, 3, 10, 190, 200, 131005}),
    try_again=frozenset({1, 2, 131000, 131016, 131057, 133004}),
)

Connections = Callable[[str], ApiConnection | None]
"""Returns the connection of an account (the id of a phone number), or None if there is none."""


class WhatsAppChannel(OpenChannel):
    """Sends each answer through the phone number of its account.

    A business can't edit sent messages, so answers aren't streamed.
    """

    platform = PLATFORM

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._open: dict[str, tuple[ApiConnection, httpx.AsyncClient]] = {}
        self._typing: dict[str, float] = {}
        self._parts = SplitCache(split)

    def parts(self, text: str) -> int:
        """Return how many messages an answer needs."""
        return len(split(text))

    def parts_of(self, outbound: Outbound) -> int:
        """Return the same for text that may be plain rather than markdown."""
        return len(split(outbound.text, plain=outbound.plain))

    async def send(self, outbound: Outbound) -> SendResult:
        """Send one part, within 24 hours after somebody last wrote there."""
        if outbound.heard_at is not None and datetime.now(UTC) - outbound.heard_at >= WINDOW:
            return Unreachable(
                "24 hours have passed since they last wrote; WhatsApp allows no later answer"
            )
        opened = await self._client(outbound.account)
        if opened is None:
            return Rejected("this channel was removed")
        connection, client = opened
        body = _body(outbound, self._parts.part(outbound))
        try:
            response = await client.post(connection.url(f"{outbound.account}/messages"), json=body)
        except httpx.HTTPError as error:
            return ANSWERS.unreachable(type(error).__name__)
        return ANSWERS.result_of(response)

    async def fetch(self, account: str, platform_file: str, max_bytes: int) -> bytes | NoFile:
        """Return the content of a file, which WhatsApp keeps for some days.

        Raises:
            Unavailable: WhatsApp can't be reached now.
        """
        opened = await self._client(account)
        if opened is None:
            return NoFile("this channel was removed")
        connection, client = opened
        try:
            found = await client.get(
                connection.url(platform_file), params={"phone_number_id": account}
            )
            if (refused := ANSWERS.no_file(found)) is not None:
                return refused
            media = found.json()
            if int(media.get("file_size") or 0) > max_bytes:
                return NoFile(f"larger than {max_bytes:,} bytes")
            return await download(client, ANSWERS, str(media["url"]), max_bytes)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"WhatsApp can't be reached ({type(error).__name__}).") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            return NoFile("WhatsApp didn't give its URL")

    async def show_typing(self, place: Place) -> None:
        """Mark the message as read and show a typing indicator for 25 seconds. Never fails.

        WhatsApp combines the two. Nothing is shown in groups.
        """
        now = monotonic()
        self._typing = {asked: until for asked, until in self._typing.items() if until > now}
        if (
            place.asked is None
            or place.asked in self._typing
            or place.chat_id.startswith(GROUP_CHAT)
        ):
            return
        opened = await self._client(place.account)
        if opened is None:
            return
        # No more often than needed: these calls count against the same limits as answers.
        self._typing[place.asked] = now + TYPING_SECONDS
        connection, client = opened
        body = {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": place.asked,
            "typing_indicator": {"type": "text"},
        }
        try:
            await client.post(connection.url(f"{place.account}/messages"), json=body)
        except httpx.HTTPError as error:
            log.debug("typing could not be shown", error=type(error).__name__)

    async def close(self) -> None:
        """Close the connections of every phone number."""
        for _, client in self._open.values():
            await client.aclose()
        self._open.clear()

    async def _client(self, account: str) -> tuple[ApiConnection, httpx.AsyncClient] | None:
        connection = self._connections(account)
        known = self._open.get(account)
        if known is not None and known[0] == connection:
            return known
        # There is no await before the new one is in place, so only one is opened.
        opened = None
        if connection is not None:
            opened = self._open[account] = (connection, connection.open_client())
        elif known is not None:
            del self._open[account]
        if known is not None:
            await known[1].aclose()
        return opened


def _body(outbound: Outbound, text: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "type": "text",
        "text": {"body": text, "preview_url": False},
    }
    chat = outbound.chat_id
    if chat.startswith(GROUP_CHAT):
        body |= {"recipient_type": "group", "to": chat.removeprefix(GROUP_CHAT)}
    elif chat.isascii() and chat.isdecimal():
        body |= {"recipient_type": "individual", "to": chat}
    else:
        body |= {"recipient_type": "individual", "recipient": chat}
    if outbound.reply_to and outbound.part == 0:
        body["context"] = {"message_id": outbound.reply_to}
    return body
