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
    """The platform identified the sender. ``name`` is for display only.

    ``also``: other ids of the same person that the platform included in this message.
    """

    address: Address
    name: str = ""
    also: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactSender:
    """The person at the terminal writes as a contact, given by id."""

    contact_id: ContactId


@dataclass(frozen=True, slots=True)
class OwnerSender:
    """The person at the terminal writes as the owner."""


@dataclass(frozen=True, slots=True)
class UnknownSender:
    """The sender is missing or can't be parsed; ``why`` explains it to the owner.

    ``tell``: the best guess at the address, to which a notice about the failure is sent.
    """

    why: str
    tell: Address | None = None


@dataclass(frozen=True, slots=True)
class GroupSender:
    """The group itself, where no person signed: a notice about it, a post of its linked channel.

    Such a line is never addressed to the agent. ``shown_as``: the name that members see beside it.
    """

    shown_as: str


Sender = AddressSender | GroupSender | ContactSender | OwnerSender | UnknownSender


@dataclass(frozen=True, slots=True)
class Group:
    """The group chat that a message was written in."""

    address: Address
    name: str = ""


AttachmentKind = Literal["photo", "voice", "audio", "video", "document"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message, as the platform names it. It is fetched before the turn.

    ``size`` is the platform's figure in bytes, or None; ``media_type`` (such as ``image/jpeg``) is
    the sender's claim.
    """

    kind: AttachmentKind
    platform_file: str
    name: str = ""
    media_type: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message as received.

    ``chat_id`` and ``platform_thread`` are where an answer goes. Together with the channel and
    ``message_id`` (the platform's) they identify a repeated delivery. ``thread_key`` names the
    topic within the sender's scope; ``new_session`` requests a session without history.

    ``text`` is the text, with files named in square brackets. ``content`` holds everything else;
    ``line`` combines both.

    ``addressed``: False for messages not meant for the agent (an overheard line in a group, a
    notice, a reaction). A limited number of them is kept as context, and none is answered.
    ``edit_of``: the platform's id of the message whose text this replaces. Before that message's
    turn begins, the text is replaced; during the turn, the turn restarts once; afterwards the edit
    is only context. ``album``: the platform's id for several messages that the sender sees as one.
    ``limited``: the sender's limits also apply at a terminal, because the person there doesn't run
    the installation.
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
