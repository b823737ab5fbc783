"""An inbound message, as a channel parsed it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from discreet.domain.addresses import Address
from discreet.domain.content import NO_CONTENT, Content, line_of
from discreet.domain.ids import ChannelId, ContactId


@dataclass(frozen=True, slots=True)
class AddressSender:
    """The platform says who wrote. ``name`` is for showing.

    ``also``: other ids of the same person that the platform itself put into this message.
    """

    address: Address
    name: str = ""
    also: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactSender:
    """The person at the terminal speaks as a contact, named by id."""

    contact_id: ContactId


@dataclass(frozen=True, slots=True)
class OwnerSender:
    """The person at the terminal speaks as the owner."""


@dataclass(frozen=True, slots=True)
class UnknownSender:
    """The platform didn't say, or said it in a way that can't be read; ``why`` is for the owner.

    ``tell``: who wrote it, as far as could be read, and is told that it could not be.
    """

    why: str
    tell: Address | None = None


Sender = AddressSender | ContactSender | OwnerSender | UnknownSender


@dataclass(frozen=True, slots=True)
class Group:
    """The group chat that a message was written in."""

    address: Address
    name: str = ""


AttachmentKind = Literal["photo", "voice", "audio", "video", "document"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message, as the platform names it; it is fetched before the turn.

    ``size`` in bytes as the platform says it, None where it doesn't; ``media_type`` like
    ``image/jpeg``, as claimed by who sent it.
    """

    kind: AttachmentKind
    platform_file: str
    name: str = ""
    media_type: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message as it came in.

    ``chat_id`` and ``platform_thread`` are where an answer goes; together with the channel and
    ``message_id`` (the platform's) they make a repeated delivery recognisable. ``thread_key`` names
    the topic inside the sender's scope; ``new_session`` asks for a session with nothing behind it.

    ``text`` is what was said, and names its files in square brackets. ``content`` holds everything
    else; ``line`` is both.

    ``addressed``: False for what was only overheard (a line of a group that isn't meant for the
    agent, a notice, a reaction): it is kept as context, a bounded number of lines, and nobody
    answers it.
    ``edit_of``: the platform's id of the message whose text this replaces. Before its turn began it
    does; while the model thinks, the turn begins again, once; afterwards it is context.
    ``album``: the platform's name of several messages that its sender sees as one.
    ``limited``: the sender's limits count at a terminal, too: whoever speaks there doesn't run the
    installation.
    """

    channel_id: ChannelId
    chat_id: str
    message_id: str
    sender: Sender
    text: str
    sent_at: datetime
    platform_thread: str = ""
    group: Group | None = None
    thread_key: str = ""
    new_session: bool = False
    reply_to: str | None = None
    addressed: bool = True
    album: str = ""
    attachments: tuple[Attachment, ...] = ()
    limited: bool = False
    content: Content = NO_CONTENT
    edit_of: str = ""

    @property
    def line(self) -> str:
        """The whole message as one text; see ``discreet.domain.content``."""
        return line_of(self.text, self.content)
