"""Telegram as delivery sees it: one part of an answer is sent, and what came of it is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog
import telegram
from telegram import MessageEntity, ReplyParameters
from telegram.constants import ChatAction
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)

from discreet.channels.telegram.api import Bots
from discreet.channels.telegram.formatting import Formatted, render
from discreet.channels.telegram.splitting import split
from discreet.domain.errors import Unavailable
from discreet.domain.outbound import (
    Later,
    NoFile,
    Outbound,
    Progress,
    Rejected,
    SendResult,
    Sent,
)

log = structlog.get_logger(__name__)

TOKEN_WAIT = timedelta(minutes=5)
"""A token that is refused is given anew by a person, if at all."""
TYPING = timedelta(seconds=4)
"""Telegram shows it for five seconds."""
DRAFT = timedelta(seconds=1)
"""How often, at most, what is written is shown; Telegram moves from one to the next smoothly."""
DRAFT_SOON = timedelta(seconds=2)
"""How soon after typing was shown it is looked whether something is written."""
MOST_DRAFT_ID = 2**31 - 2
MOST_ENTITIES = 100
"""Telegram takes so many in one message, and ignores the rest."""
_WRONG_FORMAT = ("entit", "url", "parse")
"""Words in a refusal that tell of the formatting, not of the chat."""


class TelegramChannel:
    """Sends through whichever bot an answer belongs to."""

    platform = "telegram"

    def __init__(self, bots: Bots) -> None:
        self._bots = bots

    def parts(self, text: str) -> int:
        """How many messages an answer takes."""
        return len(split(render(text)))

    async def send(self, outbound: Outbound) -> SendResult:
        """Sends one part. A part that Telegram refuses for its formatting goes as plain text."""
        bot = await self._bots.get(outbound.account)
        if bot is None:
            return Rejected("this channel was removed")
        part = split(render(outbound.text))[outbound.part]
        try:
            return await _send(bot, outbound, outbound.chat_id, part)
        except ChatMigrated as moved:
            # The group became a supergroup. Telegram itself names the chat that it is now.
            return await self._send_again(bot, outbound, str(moved.new_chat_id), part)
        except BadRequest as error:
            if part.spans and any(word in str(error).lower() for word in _WRONG_FORMAT):
                return await self._send_again(bot, outbound, outbound.chat_id, Formatted(part.text))
            return _result_of(error)
        except TelegramError as error:
            return _result_of(error)

    async def fetch(self, account: str, platform_file: str, most_bytes: int) -> bytes | NoFile:
        """The bytes of a file. Telegram gives bots files of up to 20 MB.

        Raises:
            Unavailable: Telegram can't be reached now.
        """
        bot = await self._bots.get(account)
        if bot is None:
            return NoFile("this channel was removed")
        try:
            file = await bot.get_file(platform_file)
            if (file.file_size or 0) > most_bytes:
                return NoFile(f"larger than {most_bytes:,} bytes")
            content = bytes(await file.download_as_bytearray())
        except (BadRequest, Forbidden) as error:
            return NoFile(f"Telegram refused it: {_reason(error)}")
        except TelegramError as error:
            raise Unavailable(f"Telegram can't be reached ({type(error).__name__}).") from None
        return content if len(content) <= most_bytes else NoFile("larger than Telegram said")

    async def show_progress(self, progress: Progress) -> timedelta:
        """Typing; in a direct chat what is written so far, too, as a draft that Telegram shows for
        half a minute and keeps nowhere."""
        bot = await self._bots.get(progress.place.account)
        if bot is None:
            return TYPING
        try:
            return await _show(bot, progress)
        except RetryAfter as error:
            return timedelta(seconds=_seconds(error))
        except TelegramError as error:
            log.debug("an answer that is coming can't be shown", error=type(error).__name__)
            return TYPING

    async def _send_again(
        self, bot: telegram.Bot, outbound: Outbound, chat_id: str, part: Formatted
    ) -> SendResult:
        try:
            return await _send(bot, outbound, chat_id, part)
        except TelegramError as error:
            return _result_of(error)


async def _show(bot: telegram.Bot, progress: Progress) -> timedelta:
    place = progress.place
    chat = _number(place.chat_id)
    thread = _number(place.platform_thread)
    if chat is not None and chat > 0 and progress.so_far:
        last = split(render(progress.so_far))[-1]
        await bot.send_message_draft(
            chat,
            # Any number but 0; the same all through a turn, so that the text grows in its place.
            progress.turn_id.int % MOST_DRAFT_ID + 1,
            last.text,
            message_thread_id=thread,
            entities=_entities(last),
        )
        return DRAFT
    await bot.send_chat_action(_chat(place.chat_id), ChatAction.TYPING, message_thread_id=thread)
    return TYPING if chat is None or chat < 0 else DRAFT_SOON


async def _send(bot: telegram.Bot, outbound: Outbound, chat_id: str, part: Formatted) -> SendResult:
    reply_to = _number(outbound.reply_to or "")
    answers = reply_to is not None and outbound.part == 0 and chat_id == outbound.chat_id
    message = await bot.send_message(
        _chat(chat_id),
        part.text,
        entities=_entities(part),
        message_thread_id=_number(outbound.platform_thread),
        reply_parameters=(
            ReplyParameters(reply_to or 0, allow_sending_without_reply=True) if answers else None
        ),
    )
    return Sent(str(message.message_id))


def _result_of(error: TelegramError) -> SendResult:
    match error:
        case RetryAfter():
            return Later(timedelta(seconds=_seconds(error)), "Telegram asks to slow down")
        case Forbidden():
            return Rejected(f"Telegram doesn't let the bot write there: {_reason(error)}")
        case BadRequest():
            return Rejected(f"Telegram refused it: {_reason(error)}")
        case InvalidToken():
            return Later(TOKEN_WAIT, "Telegram refuses the token: sb channels add telegram")
        case _:
            # Timeouts, cut connections, errors of the server, another process' webhook.
            return Later(timedelta(0), f"Telegram can't be reached ({type(error).__name__})")


def _seconds(error: RetryAfter) -> float:
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def _reason(error: TelegramError) -> str:
    return " ".join(str(error).split())[:200]


def _entities(part: Formatted) -> Sequence[MessageEntity] | None:
    if not part.spans:
        return None
    return [
        MessageEntity(
            span.style,
            span.start,
            span.length,
            url=span.url or None,
            language=span.language or None,
        )
        for span in part.spans[:MOST_ENTITIES]
    ]


def _chat(chat_id: str) -> int | str:
    number = _number(chat_id)
    return chat_id if number is None else number


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
