"""Convert what is typed at a terminal to an Inbound."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput
from discreet.domain.ids import ChannelId, ContactId, MessageId, parse_uuid
from discreet.domain.inbound import (
    AddressSender,
    ContactSender,
    Group,
    Inbound,
    OwnerSender,
    Sender,
)
from discreet.domain.text import checked_thread_key


@dataclass(frozen=True, slots=True)
class TerminalMessage:
    """One typed line: its sender (an address, a contact, or the owner), place and text.

    ``agent`` is a name; None: the only one, or the first that was created. ``limited``: see
    ``Inbound``. ``message_id`` makes retries of the same message idempotent.
    ``replies_to``: an earlier message of the same scope.
    """

    text: str
    agent: str | None = None
    sender: Address | None = None
    contact_id: ContactId | None = None
    group: Address | None = None
    thread_key: str = ""
    new: bool = False
    limited: bool = False
    message_id: str = ""
    replies_to: MessageId | None = None


def typed_message(
    *,
    text: str,
    agent: str | None = None,
    sender: str | None = None,
    contact_id: str | None = None,
    group: str | None = None,
    thread_key: str = "",
    new: bool = False,
    replies_to: str | None = None,
    message_id: str = "",
) -> TerminalMessage:
    """Return a message from what was typed, checked except for its text.

    Raises:
        BadInput: an option is malformed or two exclude each other.
    """
    if sender is not None and contact_id is not None:
        raise BadInput(
            "--sender and --contact-id can't be used together.", hint="Give one of them."
        )
    if group is not None and sender is None:
        raise BadInput("--group needs a sender.", hint="Add --sender platform:id.")
    return TerminalMessage(
        agent=agent,
        sender=None if sender is None else Address.parse(sender),
        contact_id=None if contact_id is None else ContactId(parse_uuid(contact_id, "contact id")),
        group=None if group is None else Address.parse(group),
        thread_key=checked_thread_key(thread_key),
        new=new,
        replies_to=(
            None if replies_to is None else MessageId(parse_uuid(replies_to, "message id"))
        ),
        text=text,
        message_id=message_id,
    )


def to_inbound(said: TerminalMessage, channel_id: ChannelId) -> Inbound:
    """Convert a terminal message for intake.

    Raises:
        BadInput: two senders, a group without a speaker, or an invalid thread key.
    """
    if said.sender is not None and said.contact_id is not None:
        raise BadInput(
            "--sender and --contact-id can't be used together.", hint="Give one of them."
        )
    if said.group is not None and said.sender is None:
        raise BadInput("A group message needs a sender.", hint="Add --sender platform:id.")
    sender: Sender
    if said.sender is not None:
        sender, chat = AddressSender(said.sender), str(said.sender)
    elif said.contact_id is not None:
        sender, chat = ContactSender(said.contact_id), f"contact {said.contact_id}"
    else:
        sender, chat = OwnerSender(), "owner"
    if said.group is not None:
        chat = f"group {said.group}"
    return Inbound(
        channel_id=channel_id,
        chat_id=chat,
        message_id=said.message_id or str(uuid4()),
        sender=sender,
        text=said.text,
        sent_at=datetime.now(UTC),
        group=None if said.group is None else Group(said.group),
        thread_key=checked_thread_key(said.thread_key),
        new_session=said.new,
        limited=said.limited,
        reply_to=None if said.replies_to is None else str(said.replies_to),
    )
