"""Send answers to Discord, one part at a time."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import structlog

from discreet.channels.discord.api import ApiConnection, error_of, open_client
from discreet.channels.discord.content import address_of
from discreet.channels.discord.formatting import split
from discreet.channels.discord.parse import PLATFORM
from discreet.channels.http import ANSWER_SECONDS, Answers, download
from discreet.domain.errors import Unavailable
from discreet.domain.ids import MessageId
from discreet.domain.outbound import (
    DraftResult,
    Later,
    NoFile,
    Outbound,
    OutcomeUnknown,
    Place,
    Rejected,
    SendResult,
    Sent,
    Unreachable,
)
from discreet.domain.parts import SplitCache
from discreet.domain.platform import OpenChannel

log = structlog.get_logger(__name__)

PACE = 1.5
"""Seconds between two edits of a streamed answer: Discord allows five edits in five seconds, and
the chat's other answers need some of them.
"""
DRAFT_SECONDS = 10.0
"""Maximum seconds for one of these edits, because the answer waits for it."""
WITHOUT_PREVIEWS = 1 << 2
"""Flag of a message without link previews, so that an answer can't make Discord fetch a URL."""
_UNKNOWN_MESSAGE = 10008
_NO_THREAD = {10003, 50083, 160005}
"""Error codes for a thread that is gone, archived or locked."""
_PRIVATE_THREAD = 12
_NO_REPLY = {160002, 50035}
"""Error codes for a reply that isn't possible: the bot may not read history, or the message is
gone.
"""


def _wait_of(response: httpx.Response, _: int) -> float:
    try:
        return float(response.json()["retry_after"])
    except (ValueError, KeyError, TypeError):
        header = response.headers.get("retry-after", "")
        return float(header) if header.isdecimal() else 5.0


ANSWERS = Answers(
    "Discord",
    error_of,
    sent_id=lambda sent: str(sent["id"]),
    wait_of=_wait_of,
    # No such channel or server, no access, the person accepts no messages, no permission, an
    # archived thread, no server in common.
    not_there=frozenset({10003, 10004, 50001, 50007, 50013, 50083, 50278}),
    not_there_statuses=frozenset({403, 404}),
)

Connections = Callable[[str], ApiConnection | None]
"""Returns the connection of an account (the bot's id), or None if the channel no longer exists."""


class DiscordChannel(OpenChannel):
    """Sends each answer through the bot of its account."""

    platform = PLATFORM

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._open: httpx.AsyncClient | None = None
        self._parts = SplitCache(split)

    def parts(self, text: str) -> int:
        """Return how many messages an answer needs."""
        return len(split(text))

    def parts_of(self, outbound: Outbound) -> int:
        """Return the same for text that may be plain rather than markdown."""
        return len(split(outbound.text, plain=outbound.plain))

    async def send(self, outbound: Outbound) -> SendResult:
        """Send one part. If repeated within some minutes, Discord returns the existing message."""
        connection = self._connections(outbound.account)
        if connection is None:
            return Rejected("this channel was removed")
        where = outbound.platform_thread or outbound.chat_id
        text = self._parts.part(outbound)
        draft = outbound.draft if outbound.part == 0 else None
        try:
            if draft is not None and draft.fits:
                edited = await self._edit(connection, where, draft.platform_message_id, text)
                if error_of(edited)[0] not in (_UNKNOWN_MESSAGE, *_NO_THREAD):
                    return ANSWERS.result_of(edited)
            elif draft is not None:
                deleted = await self._delete(connection, where, draft.platform_message_id)
                if isinstance(held_up := ANSWERS.result_of(deleted), Later):
                    return held_up
            body = _body(text, outbound.reply_to if outbound.part == 0 else None)
            body |= {"nonce": _nonce(outbound.message_id, outbound.part), "enforce_nonce": True}
            response = await self._put(connection, where, body)
            in_thread = outbound.platform_thread not in ("", outbound.chat_id)
            if in_thread and error_of(response)[0] in _NO_THREAD:
                return await self._send_without_thread(connection, outbound, body, response)
            return ANSWERS.result_of(response)
        except httpx.HTTPError as error:
            return ANSWERS.unreachable(type(error).__name__)

    async def _send_without_thread(
        self,
        connection: ApiConnection,
        outbound: Outbound,
        body: dict[str, Any],
        refused: httpx.Response,
    ) -> SendResult:
        """Send once to the channel of a thread that is locked or gone.

        A question in a private thread is not answered in public.
        """
        found = await self._client().get(
            connection.url(f"channels/{outbound.platform_thread}"), headers=connection.headers
        )
        if found.is_success and found.json().get("type") == _PRIVATE_THREAD:
            return ANSWERS.result_of(refused)
        plain = {name: value for name, value in body.items() if name != "message_reference"}
        result = ANSWERS.result_of(await self._put(connection, outbound.chat_id, plain))
        why = error_of(refused)[1]
        note = f"sent to the channel because its thread is locked or gone: {why}"
        return replace(result, note=note) if isinstance(result, Sent) else result

    async def fetch(self, account: str, platform_file: str, max_bytes: int) -> bytes | NoFile:
        """Return a file's content. Its URL expires, so a new one is requested with its message.

        Raises:
            Unavailable: Discord can't be reached now.
        """
        connection = self._connections(account)
        if connection is None:
            return NoFile("this channel was removed")
        chat, _, rest = platform_file.partition("/")
        message, _, file = rest.partition("/")
        try:
            found = await self._client().get(
                connection.url(f"channels/{chat}/messages/{message}"), headers=connection.headers
            )
            if (refused := ANSWERS.no_file(found)) is not None:
                return refused
            address = address_of(found.json(), file)
            if address is None:
                return NoFile("Discord no longer has it")
            return await download(self._client(), ANSWERS, address, max_bytes)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"Discord can't be reached ({type(error).__name__}).") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            return NoFile("Discord didn't give its URL")

    async def show_typing(self, place: Place) -> None:
        """Show a typing indicator for about ten seconds. Never fails."""
        connection = self._connections(place.account)
        if connection is None:
            return
        where = place.platform_thread or place.chat_id
        try:
            await self._client().post(
                connection.url(f"channels/{where}/typing"), headers=connection.headers
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.debug("typing could not be shown", error=type(error).__name__)

    def draft_interval(self, place: Place) -> float:  # noqa: ARG002
        """Return the same pace for every chat: Discord has one limit for all."""
        return PACE

    async def show_draft(
        self, place: Place, text: str, reply_to: str | None, shown_as: str | None
    ) -> DraftResult:
        """Show as much of the text as fits into one message."""
        connection = self._connections(place.account)
        if connection is None:
            return Rejected("this channel was removed")
        where = place.platform_thread or place.chat_id
        part = split(text)[0]
        try:
            if shown_as is None:
                response = await self._put(connection, where, _body(part, reply_to), DRAFT_SECONDS)
            else:
                response = await self._edit(connection, where, shown_as, part, DRAFT_SECONDS)
        except httpx.HTTPError:
            return OutcomeUnknown()
        if response.status_code >= 500:
            return OutcomeUnknown()
        result = ANSWERS.result_of(response)
        return Rejected(result.why) if isinstance(result, Unreachable) else result

    async def take_back(self, place: Place, platform_message_id: str) -> None:
        """Delete it. Never fails."""
        connection = self._connections(place.account)
        if connection is None:
            return
        where = place.platform_thread or place.chat_id
        try:
            await self._delete(connection, where, platform_message_id)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.debug("a draft could not be deleted", error=type(error).__name__)

    async def close(self) -> None:
        """Close the connections of every bot."""
        if self._open is not None:
            await self._open.aclose()
            self._open = None

    def _client(self) -> httpx.AsyncClient:
        if self._open is None:
            self._open = open_client()
        return self._open

    async def _put(
        self,
        connection: ApiConnection,
        where: str,
        body: dict[str, Any],
        seconds: float = ANSWER_SECONDS,
    ) -> httpx.Response:
        """Send a message, without the reply reference if Discord rejects it."""
        url = connection.url(f"channels/{where}/messages")
        headers = connection.headers
        response = await self._client().post(url, json=body, headers=headers, timeout=seconds)
        if "message_reference" in body and error_of(response)[0] in _NO_REPLY:
            plain = {name: value for name, value in body.items() if name != "message_reference"}
            response = await self._client().post(url, json=plain, headers=headers, timeout=seconds)
        return response

    async def _edit(
        self,
        connection: ApiConnection,
        where: str,
        message_id: str,
        text: str,
        seconds: float = ANSWER_SECONDS,
    ) -> httpx.Response:
        """Change the text of one of the bot's own messages. Idempotent."""
        return await self._client().patch(
            connection.url(f"channels/{where}/messages/{message_id}"),
            json=_body(text, None),
            headers=connection.headers,
            timeout=seconds,
        )

    async def _delete(
        self, connection: ApiConnection, where: str, message_id: str
    ) -> httpx.Response:
        return await self._client().delete(
            connection.url(f"channels/{where}/messages/{message_id}"),
            headers=connection.headers,
            timeout=DRAFT_SECONDS,
        )


def _body(text: str, reply_to: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "content": text,
        # An answer may contain mentions written by anybody, so none of them notifies.
        "allowed_mentions": {"parse": [], "replied_user": False},
        "flags": WITHOUT_PREVIEWS,
    }
    if reply_to:
        # An edit's id consists of its message and its time.
        answered = reply_to.partition("/")[0]
        body["message_reference"] = {"message_id": answered, "fail_if_not_exists": False}
    return body


def _nonce(message_id: MessageId, part: int) -> str:
    """Return the nonce by which Discord recognizes a repeated part: up to 25 characters."""
    name = base64.urlsafe_b64encode(message_id.bytes).decode().rstrip("=")
    return f"{name}{part % 1000:03d}"
