"""An update of the Bot API -> what it means here. Pure: nothing is asked, stored or sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from telegram import Message, MessageEntity, Update
from telegram.constants import ChatType

from discreet.channels.telegram.files import attachments_of, label_of
from discreet.domain.addresses import Address
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import AddressSender, Group, Inbound, Sender, UnknownSender
from discreet.domain.platform import GroupMoved

PLATFORM = "telegram"
ALLOWED_UPDATES = ("message", "edited_message", "channel_post")
"""The kinds of updates that are asked for."""


@dataclass(frozen=True, slots=True)
class Bot:
    """The bot itself, as ``getMe`` names it. ``username`` has no @."""

    id: int
    username: str


Parsed = Inbound | GroupMoved | None
"""None: nothing that anybody said (somebody joined, a title changed, another bot spoke)."""


def parse(update: Update, bot: Bot, channel_id: ChannelId) -> Parsed:
    """What an update means.

    A message in a group is ``addressed`` where it mentions the bot, replies to it or gives it a
    command. An edit is never addressed: the agent doesn't run again, but knows of it next time.
    """
    if update.edited_message is not None:
        return _edit(update.edited_message, bot, channel_id)
    message = update.message or update.channel_post
    if message is None:
        return None
    if message.migrate_to_chat_id is not None:
        return GroupMoved(_address(message.chat.id), _address(message.migrate_to_chat_id))
    if message.migrate_from_chat_id is not None:
        return GroupMoved(_address(message.migrate_from_chat_id), _address(message.chat.id))
    return _message(message, bot, channel_id)


def _message(message: Message, bot: Bot, channel_id: ChannelId) -> Inbound | None:
    text = _text(message, bot)
    if not text or _is_other_bot(message):
        return None
    topic = str(message.message_thread_id) if message.is_topic_message else ""
    return Inbound(
        channel_id=channel_id,
        chat_id=str(message.chat.id),
        message_id=str(message.message_id),
        sender=_sender(message),
        text=text,
        sent_at=message.date,
        platform_thread=topic,
        group=_group(message),
        thread_key=f"topic:{topic}" if topic else "",
        reply_to=_reply_to(message),
        addressed=_is_addressed(message, bot),
        album=message.media_group_id or "",
        attachments=attachments_of(message),
    )


def _edit(message: Message, bot: Bot, channel_id: ChannelId) -> Inbound | None:
    # A place that moves and a poll that is voted on are edits too: nobody said anything.
    if message.text is None and message.caption is None:
        return None
    parsed = _message(message, bot, channel_id)
    if parsed is None or message.edit_date is None:
        return None
    return Inbound(
        channel_id=channel_id,
        chat_id=parsed.chat_id,
        message_id=f"{parsed.message_id}/{int(message.edit_date.timestamp())}",
        sender=parsed.sender,
        text=f"[edited] {parsed.text}",
        sent_at=message.edit_date,
        platform_thread=parsed.platform_thread,
        group=parsed.group,
        thread_key=parsed.thread_key,
        reply_to=parsed.message_id,
        addressed=False,
    )


def _sender(message: Message) -> Sender:
    if message.chat.type == ChatType.CHANNEL:
        return UnknownSender("a post in a channel has no sender")
    if message.sender_chat is not None:
        if message.sender_chat.id == message.chat.id:
            return UnknownSender("an anonymous administrator wrote this")
        return UnknownSender("it was written in the name of a chat, not of a person")
    if message.from_user is None:
        return UnknownSender("Telegram didn't say who wrote this")
    return AddressSender(_address(message.from_user.id), message.from_user.full_name)


def _is_other_bot(message: Message) -> bool:
    # Bots that answer each other never stop. Telegram's own stand-ins for people without a name
    # are bots too; they come with a chat in whose name they write.
    sender = message.from_user
    return message.sender_chat is None and sender is not None and sender.is_bot


def _group(message: Message) -> Group | None:
    if message.chat.type not in (ChatType.GROUP, ChatType.SUPERGROUP):
        return None
    return Group(_address(message.chat.id), message.chat.title or "")


def _is_addressed(message: Message, bot: Bot) -> bool:
    if message.chat.type == ChatType.PRIVATE:
        return True
    original = message.reply_to_message
    # In a topic, whatever replies to nothing "replies" to the message that opened the topic.
    if (
        original is not None
        and original.from_user is not None
        and original.from_user.id == bot.id
        and original.forum_topic_created is None
    ):
        return True
    name = f"@{bot.username}".lower()
    for entity, text in _entities(message):
        match entity.type:
            case MessageEntity.MENTION if text.lower() == name:
                return True
            case MessageEntity.TEXT_MENTION if entity.user is not None and entity.user.id == bot.id:
                return True
            case MessageEntity.BOT_COMMAND if text.lower().endswith(name):
                return True
    return False


def _entities(message: Message) -> Iterator[tuple[MessageEntity, str]]:
    if message.text is not None:
        yield from message.parse_entities().items()
    elif message.caption is not None:
        yield from message.parse_caption_entities().items()


def _text(message: Message, bot: Bot) -> str:
    """The text as it was said; a file, a sticker or a place is named in square brackets."""
    said = message.text if message.text is not None else message.caption or ""
    for entity, command in _entities(message):
        # "/new@this_bot" is how groups write "/new".
        name = f"@{bot.username}"
        is_first_command = entity.type == MessageEntity.BOT_COMMAND and entity.offset == 0
        if is_first_command and command.lower().endswith(name.lower()):
            said = command[: -len(name)] + said[len(command) :]
    label = label_of(message)
    text = f"{label} {said}".strip() if label else said
    if text and message.forward_origin is not None:
        text = f"[forwarded] {text}"
    return text


def _reply_to(message: Message) -> str | None:
    original = message.reply_to_message
    if original is None or original.forum_topic_created is not None:
        return None
    return str(original.message_id)


def _address(chat_or_user: int) -> Address:
    return Address(PLATFORM, str(chat_or_user))
