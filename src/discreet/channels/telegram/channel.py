"""Send answers to Telegram, one part at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
import telegram
from telegram import LinkPreviewOptions, MessageEntity, ReplyParameters
from telegram.constants import ChatAction
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)

from discreet.channels.http import ANSWER_SECONDS, TOKEN_WAIT
from discreet.channels.telegram.api import Bots
from discreet.channels.telegram.formatting import Formatted, render
from discreet.channels.telegram.splitting import split
from discreet.domain.errors import Unavailable
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

MAX_ENTITIES = 100
"""Maximum entities of one message; Telegram ignores the rest."""
DIRECT_PACE, GROUP_PACE = 1.0, 4.0
"""Seconds between two edits of a streamed answer."""
DRAFT_SECONDS = 10.0
"""Maximum seconds for one of these edits, because the answer waits for it."""
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
"""A preview fetches the URL without a click, including anything that the model put into it."""
NO_TOPIC = "sent to the chat because its topic is closed or gone: {}"
_TOPIC = ("topic", "message thread")
"""Words in a rejection that refer to the topic, not the chat."""
_WRONG_FORMAT = ("entit", "url", "parse")
"""Words in a rejection that refer to the formatting, not the chat."""


class TelegramChannel(OpenChannel):
    """Sends each answer through the bot of its account."""

    platform = "telegram"

    def __init__(self, bots: Bots) -> None:
        self._bots = bots
        self._parts = SplitCache(_cut)

    def parts(self, text: str) -> int:
        """Return how many messages an answer needs."""
        return len(_cut(text))

    def parts_of(self, outbound: Outbound) -> int:
        """Return the same for text that may be plain rather than markdown."""
        return len(_cut(outbound.text, plain=outbound.plain))

    async def send(self, outbound: Outbound) -> SendResult:
        """Send one part, as plain text if Telegram rejects its formatting."""
        bot = await self._bots.get(outbound.account)
        if bot is None:
            return Rejected("this channel was removed")
        part = self._parts.part(outbound)
        try:
            return await _send(bot, outbound, outbound.chat_id, part)
        except ChatMigrated as moved:
            # The group became a supergroup. Telegram names its new chat id.
            return await self._send_again(bot, outbound, str(moved.new_chat_id), part)
        except BadRequest as error:
            if part.spans and _is_about_format(error):
                return await self._send_again(bot, outbound, outbound.chat_id, Formatted(part.text))
            if outbound.platform_thread and _is_about_topic(error):
                return await self._send_without_topic(bot, outbound, part, _reason(error))
            return _result_of(error)
        except TelegramError as error:
            return _result_of(error)

    def draft_interval(self, place: Place) -> float:
        """Return the seconds between edits: about one in a direct chat, 20 a minute in a group."""
        return GROUP_PACE if place.chat_id.startswith("-") else DIRECT_PACE

    async def show_draft(
        self, place: Place, text: str, reply_to: str | None, shown_as: str | None
    ) -> DraftResult:
        """Show as much of the text as fits into one message."""
        bot = await self._bots.get(place.account)
        if bot is None:
            return Rejected("this channel was removed")
        part = _cut(text)[0]
        try:
            if shown_as is None:
                to = _number(reply_to or "")
                try:
                    message = await _put(
                        bot, place.chat_id, place.platform_thread, to, part, DRAFT_SECONDS
                    )
                except BadRequest as error:
                    if not (place.platform_thread and _is_about_topic(error)):
                        raise
                    message = await _put(bot, place.chat_id, "", None, part, DRAFT_SECONDS)
                return Sent(str(message.message_id))
            edited = await _edit(bot, place.chat_id, shown_as, part, DRAFT_SECONDS)
            return edited or Rejected("the draft can't be edited any more")
        except RetryAfter as error:
            return Later(timedelta(seconds=_seconds(error)), "Telegram asks to slow down")
        except (BadRequest, Forbidden, ChatMigrated, InvalidToken) as error:
            return Rejected(_reason(error))
        except TelegramError:
            return OutcomeUnknown()

    async def take_back(self, place: Place, platform_message_id: str) -> None:
        """Delete it. Telegram allows that for two days."""
        bot = await self._bots.get(place.account)
        if bot is None:
            return
        try:
            await _delete(bot, place.chat_id, platform_message_id)
        except TelegramError as error:
            log.debug("a draft could not be deleted", error=type(error).__name__)

    async def fetch(self, account: str, platform_file: str, max_bytes: int) -> bytes | NoFile:
        """Return the content of a file. Telegram gives bots files of up to 20 MB.

        Raises:
            Unavailable: Telegram can't be reached now.
        """
        bot = await self._bots.get(account)
        if bot is None:
            return NoFile("this channel was removed")
        try:
            file = await bot.get_file(platform_file)
            if (file.file_size or 0) > max_bytes:
                return NoFile(f"larger than {max_bytes:,} bytes")
            content = bytes(await file.download_as_bytearray())
        except (BadRequest, Forbidden) as error:
            return NoFile(f"Telegram rejected it: {_reason(error)}")
        except TelegramError as error:
            raise Unavailable(f"Telegram can't be reached ({type(error).__name__}).") from None
        return content if len(content) <= max_bytes else NoFile("larger than Telegram said")

    async def show_typing(self, place: Place) -> None:
        """Show a typing indicator for about five seconds. Never fails."""
        bot = await self._bots.get(place.account)
        if bot is None:
            return
        try:
            await bot.send_chat_action(
                _chat(place.chat_id),
                ChatAction.TYPING,
                message_thread_id=_number(place.platform_thread),
            )
        except TelegramError as error:
            log.debug("typing could not be shown", error=type(error).__name__)

    async def close(self) -> None:
        """Close the connections of every bot."""
        await self._bots.close()

    async def _send_without_topic(
        self, bot: telegram.Bot, outbound: Outbound, part: Formatted, why: str
    ) -> SendResult:
        """Send once to the chat itself if its topic is closed or gone. Replies go there too."""
        beside = replace(outbound, platform_thread="", reply_to=None, draft=None)
        result = await self._send_again(bot, beside, outbound.chat_id, part)
        return replace(result, note=NO_TOPIC.format(why)) if isinstance(result, Sent) else result

    async def _send_again(
        self, bot: telegram.Bot, outbound: Outbound, chat_id: str, part: Formatted
    ) -> SendResult:
        try:
            return await _send(bot, outbound, chat_id, part)
        except TelegramError as error:
            return _result_of(error)


def _cut(text: str, *, plain: bool = False) -> list[Formatted]:
    return split(render(text, plain=plain))


async def _send(bot: telegram.Bot, outbound: Outbound, chat_id: str, part: Formatted) -> SendResult:
    # A chat that moved has no draft: its messages have other ids there.
    draft = outbound.draft if outbound.part == 0 and chat_id == outbound.chat_id else None
    if draft is not None and draft.fits:
        taken = await _edit(bot, chat_id, draft.platform_message_id, part)
        if taken is not None:
            return taken
    elif draft is not None:
        await _delete(bot, chat_id, draft.platform_message_id)
    reply_to = _number(outbound.reply_to or "")
    answers = reply_to is not None and outbound.part == 0 and chat_id == outbound.chat_id
    message = await _put(
        bot, chat_id, outbound.platform_thread, reply_to if answers else None, part
    )
    return Sent(str(message.message_id))


async def _put(
    bot: telegram.Bot,
    chat_id: str,
    thread: str,
    reply_to: int | None,
    part: Formatted,
    seconds: float = ANSWER_SECONDS,
) -> telegram.Message:
    return await bot.send_message(
        _chat(chat_id),
        part.text,
        entities=_entities(part),
        message_thread_id=_number(thread),
        link_preview_options=NO_PREVIEW,
        reply_parameters=(
            None
            if reply_to is None
            else ReplyParameters(reply_to, allow_sending_without_reply=True)
        ),
        read_timeout=seconds,
        write_timeout=seconds,
    )


async def _edit(
    bot: telegram.Bot,
    chat_id: str,
    message_id: str,
    part: Formatted,
    seconds: float = ANSWER_SECONDS,
) -> Sent | None:
    """Change the text of one of the bot's own messages; None if it can't be edited any more.

    It is idempotent, so an edit with an unknown outcome may be repeated.
    """
    try:
        await bot.edit_message_text(
            part.text,
            _chat(chat_id),
            int(message_id),
            entities=_entities(part),
            link_preview_options=NO_PREVIEW,
            read_timeout=seconds,
            write_timeout=seconds,
        )
    except BadRequest as error:
        if "not modified" in str(error).lower():
            return Sent(message_id)
        if _is_about_format(error):
            raise
        return None
    return Sent(message_id)


async def _delete(bot: telegram.Bot, chat_id: str, message_id: str) -> None:
    try:
        await bot.delete_message(_chat(chat_id), int(message_id))
    except BadRequest as error:
        # It is already gone, or too old.
        log.debug("a draft could not be deleted", why=_reason(error))


def _is_about_format(error: BadRequest) -> bool:
    return any(word in str(error).lower() for word in _WRONG_FORMAT)


def _is_about_topic(error: BadRequest) -> bool:
    words = str(error).lower().replace("_", " ")
    return any(word in words for word in _TOPIC)


def _result_of(error: TelegramError) -> SendResult:
    match error:
        case RetryAfter():
            return Later(timedelta(seconds=_seconds(error)), "Telegram asks to slow down")
        case Forbidden():
            return Unreachable(f"The bot may not write there: {_reason(error)}")
        case BadRequest():
            return Rejected(f"Telegram rejected it: {_reason(error)}")
        case InvalidToken():
            return Later(TOKEN_WAIT, "Telegram rejected the token: sb channels add telegram")
        case _:
            # Timeouts, lost connections, server errors, another process's webhook.
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
        for span in part.spans[:MAX_ENTITIES]
    ]


def _chat(chat_id: str) -> int | str:
    number = _number(chat_id)
    return chat_id if number is None else number


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
