"""Parse an update of the Bot API into events. Pure: it does no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from telegram import (
    Chat,
    Message,
    MessageEntity,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUser,
    MessageReactionUpdated,
    Update,
)
from telegram.constants import ChatType

from discreet.channels.telegram.attachments import attachment_label, attachments_of
from discreet.channels.telegram.content import held_by, parts_of
from discreet.channels.telegram.notices import notices_of, reaction_of
from discreet.domain.addresses import Address
from discreet.domain.content import Content, Forward, Quote, line_of, line_of_part, unsupported
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import (
    AddressSender,
    Group,
    GroupSender,
    Inbound,
    Sender,
    UnknownSender,
)
from discreet.domain.mentions import without_mention
from discreet.domain.platform import GroupMoved

PLATFORM = "telegram"
ALLOWED_UPDATES = ("message", "edited_message", "channel_post", "message_reaction")
"""The requested kinds of updates."""


@dataclass(frozen=True, slots=True)
class Bot:
    """The bot itself, as returned by ``getMe``. ``username`` has no @."""

    id: int
    username: str


Parsed = Inbound | GroupMoved | None
"""None: nothing that a person did (another bot wrote, a live location moved)."""


def parse(update: Update, bot: Bot, channel_id: ChannelId) -> Parsed:
    """Parse an update.

    A message in a group is ``addressed`` if it mentions the bot, replies to it or gives it a
    command. Notices and reactions never are.
    """
    if update.edited_message is not None:
        return _edit(update.edited_message, bot, channel_id)
    if update.message_reaction is not None:
        return _reaction(update.message_reaction, update.update_id, channel_id)
    message = update.message or update.channel_post
    if message is None:
        return None
    if message.migrate_to_chat_id is not None:
        return GroupMoved(_address(message.chat.id), _address(message.migrate_to_chat_id))
    if message.migrate_from_chat_id is not None:
        return GroupMoved(_address(message.migrate_from_chat_id), _address(message.chat.id))
    return _message(message, bot, channel_id)


def _message(message: Message, bot: Bot, channel_id: ChannelId) -> Inbound | None:
    notices = notices_of(message)
    is_unanswered = bool(notices or message.is_automatic_forward)
    sender = _sender(message)
    is_nobodys = _is_other_bot(message) or isinstance(sender, UnknownSender)
    if is_nobodys and is_unanswered and _group(message) and not _is_by(message, bot):
        sender = GroupSender(_shown_as(message))
    elif _is_other_bot(message) or (is_nobodys and notices):
        return None  # a notice in a channel belongs to no conversation
    text = _text(message, bot)
    parts = notices or parts_of(message)
    if not text and not parts:
        # Its kind is unknown.
        parts = (unsupported("unknown"),)
    topic = str(message.message_thread_id) if message.is_topic_message else ""
    return Inbound(
        channel_id=channel_id,
        chat_id=str(message.chat.id),
        message_id=str(message.message_id),
        sender=sender,
        text=text,
        sent_at=message.date,
        platform_thread=topic,
        group=_group(message),
        thread_key=f"topic:{topic}" if topic else "",
        reply_to=_reply_to(message),
        addressed=not is_unanswered and _is_addressed(message, bot),
        album=message.media_group_id or "",
        attachments=attachments_of(message),
        content=Content(parts, _quote(message, bot), _forward(message)),
    )


def _edit(message: Message, bot: Bot, channel_id: ChannelId) -> Inbound | None:
    # A moving location and a poll's votes are edits too, but nobody wrote anything.
    if message.text is None and message.caption is None and message.checklist is None:
        return None
    parsed = _message(message, bot, channel_id)
    if parsed is None or message.edit_date is None:
        return None
    return replace(
        parsed,
        message_id=f"{parsed.message_id}/{int(message.edit_date.timestamp())}",
        edit_of=parsed.message_id,
        sent_at=message.edit_date,
        addressed=False,
        album="",
    )


def _reaction(update: MessageReactionUpdated, number: int, channel_id: ChannelId) -> Inbound | None:
    is_group = update.chat.type in (ChatType.GROUP, ChatType.SUPERGROUP)
    sender: Sender
    if update.user is not None and not update.user.is_bot:
        sender = AddressSender(_address(update.user.id), update.user.full_name)
    elif update.user is None and is_group:
        sender = GroupSender(_name_of(update.actor_chat, update.chat))
    else:
        return None  # a program's, or in a channel, which is no conversation
    return Inbound(
        channel_id=channel_id,
        chat_id=str(update.chat.id),
        message_id=f"reaction {number}",
        sender=sender,
        text="",
        sent_at=update.date,
        group=Group(_address(update.chat.id), update.chat.title or "") if is_group else None,
        reply_to=str(update.message_id),
        addressed=False,
        content=Content((reaction_of(update),)),
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
    # Bots that answer each other never stop. Telegram's placeholders for people without a name are
    # bots too; they come with the chat in whose name they write.
    sender = message.from_user
    return message.sender_chat is None and sender is not None and sender.is_bot


def _is_by(message: Message, bot: Bot) -> bool:
    return message.from_user is not None and message.from_user.id == bot.id


def _shown_as(message: Message) -> str:
    """Return the name that members see beside a message that no person signed."""
    if message.sender_chat is None and message.from_user is not None:
        return message.from_user.full_name
    name = _name_of(message.sender_chat, message.chat)
    return f"{name} ({message.author_signature})" if message.author_signature else name


def _name_of(author: Chat | None, chat: Chat) -> str:
    if author is None or author.id == chat.id:
        return "an anonymous administrator"
    return author.title or ""


def _group(message: Message) -> Group | None:
    if message.chat.type not in (ChatType.GROUP, ChatType.SUPERGROUP):
        return None
    return Group(_address(message.chat.id), message.chat.title or "")


def _is_addressed(message: Message, bot: Bot) -> bool:
    if message.chat.type == ChatType.PRIVATE:
        return True
    if _is_for_another_bot(message, bot):
        return False
    original = message.reply_to_message
    # In a topic, a message that replies to nothing "replies" to the one that opened the topic.
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


def _is_for_another_bot(message: Message, bot: Bot) -> bool:
    """Return whether it begins with a command for another bot: ``/new@other_bot``."""
    for entity, command in _entities(message):
        if entity.type == MessageEntity.BOT_COMMAND and entity.offset == 0:
            name = command.partition("@")[2].lower()
            return name not in ("", bot.username.lower())
    return False


def _text(message: Message, bot: Bot) -> str:
    """Return the text without a leading mention of the bot; a file is named in square brackets."""
    said = message.text if message.text is not None else message.caption or ""
    if message.forward_origin is None:
        said = _without_mention(message, said, bot)
        # Groups write "/new" as "/new@this_bot".
        said = re.sub(rf"^(/\w+)@{re.escape(bot.username)}\b", r"\1", said, flags=re.I)
    label = attachment_label(message)
    return f"{label} {said}".strip() if label else said


def _without_mention(message: Message, said: str, bot: Bot) -> str:
    """Return what follows the bot's name, or the whole text if nothing does."""
    names = {f"@{bot.username}"}
    for entity, name in _entities(message):
        if entity.type == MessageEntity.TEXT_MENTION and entity.user and entity.user.id == bot.id:
            names.add(name)
    either = "|".join(re.escape(name) for name in names)
    return without_mention(said, rf"(?:{either})(?!\w)")


def _quote(message: Message, bot: Bot) -> Quote | None:
    """Return the message replied to, as Telegram included it, or the excerpt that was selected."""
    picked = message.quote
    if (outside := message.external_reply) is not None:
        forward = _origin(outside.origin)
        held = " ".join(line_of_part(one) for one in held_by(outside))
        text = picked.text if picked is not None else held
        return Quote(text, forward.said_by, at=forward.at, is_part=picked is not None)
    if message.reply_to_story is not None:
        return Quote("[story]", message.reply_to_story.chat.effective_name or "")
    original = message.reply_to_message or message.pinned_message
    if not isinstance(original, Message) or original.forum_topic_created is not None:
        return None
    whole = line_of(_text(original, bot), Content(parts_of(original), None, _forward(original)))
    by = original.from_user
    return Quote(
        picked.text if picked is not None else _chosen(message, original) or whole,
        "" if by is None else by.full_name,
        "" if by is None else str(_address(by.id)),
        is_ours=by is not None and by.id == bot.id,
        at=original.date,
        is_part=picked is not None and picked.text != whole,
    )


def _chosen(message: Message, original: Message) -> str:
    """Return the task or option of the original that this replies to."""
    if original.checklist is not None and message.reply_to_checklist_task_id is not None:
        for task in original.checklist.tasks:
            if task.id == message.reply_to_checklist_task_id:
                return f"[task: {task.text}]"
    if original.poll is not None and message.reply_to_poll_option_id is not None:
        for option in original.poll.options:
            if option.persistent_id == message.reply_to_poll_option_id:
                return f"[option: {option.text}]"
    return ""


def _forward(message: Message) -> Forward | None:
    return None if message.forward_origin is None else _origin(message.forward_origin)


def _origin(origin: object) -> Forward:
    match origin:
        case MessageOriginUser(sender_user=user, date=at):
            return Forward(user.full_name, at)
        case MessageOriginHiddenUser(sender_user_name=name, date=at):
            return Forward(name, at)
        case MessageOriginChat(sender_chat=chat, author_signature=signed, date=at):
            return Forward(_signed(chat.effective_name, signed), at)
        case MessageOriginChannel(chat=chat, author_signature=signed, date=at):
            return Forward(_signed(chat.effective_name, signed), at)
        case _:
            return Forward()


def _signed(name: str | None, signed: str | None) -> str:
    return f"{name or ''} ({signed})".strip() if signed else name or ""


def _reply_to(message: Message) -> str | None:
    if isinstance(message.pinned_message, Message):
        return str(message.pinned_message.message_id)
    original = message.reply_to_message
    if original is None or original.forum_topic_created is not None:
        return None
    return str(original.message_id)


def _address(chat_or_user: int) -> Address:
    return Address(PLATFORM, str(chat_or_user))
