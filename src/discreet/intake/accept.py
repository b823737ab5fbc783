"""Store an inbound message with its contact, session and wake job, in one commit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import structlog
from psycopg import Error, OperationalError, errors
from psycopg.types.json import Jsonb

from discreet.domain.addresses import MAX_PLATFORM_ID, Address
from discreet.domain.content import NO_CONTENT, details_of
from discreet.domain.database_codes import text_of_code
from discreet.domain.errors import BadInput, DiscreetError, NotFound, Unavailable
from discreet.domain.ids import ChannelId, ContactId, MessageId, OwnerId, SessionId
from discreet.domain.inbound import (
    AddressSender,
    ContactSender,
    GroupSender,
    Inbound,
    OwnerSender,
    UnknownSender,
)
from discreet.domain.text import checked_text, is_visible, plain_name
from discreet.intake.address_aliases import link_aliases
from discreet.intake.batches import store
from discreet.intake.serialization import to_json
from discreet.postgres.database_errors import LOST_RACES, outage_of
from discreet.scope import IntakeScope, ScopedDatabase
from discreet.tracing import span

log = structlog.get_logger(__name__)

MAX_TRIES = 5
"""Attempts at a commit that loses a race (a deadlock, two first deliveries of one message)."""

MAX_REASON = 500
"""Maximum characters kept of the reason."""

UNREADABLE = "[unreadable message]"

QUARANTINE = """
SELECT gate.quarantine_message(%(ticket)s, %(channel)s, %(key)s, %(inbound)s, %(why)s,
                               %(tell)s) AS id
"""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The message is stored, just now if ``new``. ``contact_id`` None: the owner's session."""

    message_id: MessageId
    session_id: SessionId
    contact_id: ContactId | None
    new: bool


Reason = Literal["blocked", "stranger", "aside", "linked", "limited", "erased"]
"""Why a message is not taken.

``blocked``: the owner blocked its sender or its group. ``stranger``: the sender isn't admitted.
``aside``: the sender isn't admitted yet, and the message is held until then. ``linked``: it was the
code that links the owner's account. ``limited``: the sender reached a limit. ``erased``: it was
sent before its sender or group was erased.
"""


class NotTaken(DiscreetError):
    """The message was received but is not for the agent. It needs no further processing."""

    def __init__(self, reason: Reason) -> None:
        message, hint = _NOT_TAKEN[reason]
        super().__init__(message, hint=hint)
        self.reason = reason


_NOT_TAKEN: dict[Reason, tuple[str, str]] = {
    "stranger": ("This sender isn't admitted.", "To see who is: sb admission list"),
    "aside": ("This sender must be admitted first.", "See: sb pairing list"),
    "linked": ("This account now belongs to the owner.", ""),
    "limited": ("This contact reached a limit.", "See: sb limits show"),
    "erased": ("The message was sent before its sender was erased.", "Nothing of it was stored."),
    "blocked": ("You have blocked this contact.", "To unblock: sb contacts unblock"),
}


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A message that was not taken; it is done and can be acknowledged."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The sender can't be resolved: the message is in quarantine, visible only to the owner."""

    why: str


async def accept(db: ScopedDatabase, owner_id: OwnerId, inbound: Inbound) -> Accepted:
    """Store a message. When this returns, it can be acknowledged to the platform.

    Raises:
        BadInput: text or ids are empty, too long or invalid, or the sender can't be resolved.
        NotFound: this owner has no such contact or channel.
        NotTaken: the agent may not receive this message; it was not stored.
        Unavailable: the database can't be reached; nothing was stored.
    """
    refused = None
    with span("intake", "consumer", owner_id=owner_id, channel_id=inbound.channel_id) as traced:
        try:
            accepted = await _accept(db, owner_id, inbound)
            traced.note(
                outcome="accepted" if accepted.new else "repeated",
                message_id=accepted.message_id,
                session_id=accepted.session_id,
                contact_id=accepted.contact_id,
            )
        except NotTaken as error:  # as it should be: no error of the span
            refused = error
            traced.note(outcome=error.reason)
    if refused is not None:
        raise refused
    return accepted


async def _accept(db: ScopedDatabase, owner_id: OwnerId, inbound: Inbound) -> Accepted:
    message = _message(inbound)
    await link_aliases(db, owner_id, inbound)
    for attempt in range(MAX_TRIES):
        try:
            row = _settled(await store(db, owner_id, message))
            break
        except LOST_RACES as error:
            # A concurrent transaction committed first: another delivery of the same message, a wake
            # job that was put back, a contact that was merged or erased. The next attempt sees it.
            if attempt == MAX_TRIES - 1:
                raise Unavailable("The message was not stored.", hint="Try again.") from error
        except OperationalError as error:
            # If the connection is lost, the message may or may not be stored. A retry tells,
            # because a repeated message changes nothing.
            if attempt:
                raise _explained(error) from error
        except Error as error:
            raise _explained(error) from error
    if row["outcome"] in _NOT_TAKEN:
        raise NotTaken(row["outcome"])
    # If this message created a contact, its other ids are linked now. A crash before this leaves
    # that to the next message.
    await link_aliases(db, owner_id, inbound)
    return Accepted(
        row["message_id"], row["session_id"], row["contact_id"], row["outcome"] == "accepted"
    )


async def accept_or_quarantine(
    db: ScopedDatabase, owner_id: OwnerId, inbound: Inbound
) -> Accepted | TurnedAway | Quarantined:
    """Do the same as ``accept`` for channels, where nobody is there to see an error.

    A message that can't be assigned to a contact goes to quarantine, never to a row without one.

    Raises:
        Unavailable: neither could be stored; the platform must deliver the message again.
    """
    try:
        return await accept(db, owner_id, inbound)
    except NotTaken as error:
        return TurnedAway(error.reason)
    except Unavailable:
        raise
    except Exception as error:
        why = why_quarantined(error)
        key = json.dumps([inbound.chat_id, inbound.message_id])
        tell = _told(inbound)
        await quarantine(db, owner_id, inbound.channel_id, key, to_json(inbound), why, tell=tell)
        log.warning("message quarantined", channel_id=str(inbound.channel_id))
        return Quarantined(why)


def why_quarantined(error: Exception) -> str:
    """Return why a message can't be assigned to a contact, for the owner."""
    return str(error) if isinstance(error, BadInput | NotFound) else type(error).__name__


def _told(inbound: Inbound) -> dict[str, Any] | None:
    """Return a ``gate.inbound`` for notifying an unreadable message's sender, or None."""
    sender = inbound.sender
    if not isinstance(sender, UnknownSender) or sender.tell is None:
        return None
    try:
        known = AddressSender(sender.tell)
        return _message(replace(inbound, sender=known, text=UNREADABLE, content=NO_CONTENT))
    except BadInput:
        return None


async def quarantine(
    db: ScopedDatabase,
    owner_id: OwnerId,
    channel_id: ChannelId,
    key: str,
    stored: Any,
    why: str,
    *,
    tell: dict[str, Any] | None = None,
) -> None:
    """Store a message in its serialized form. Repeating the same ``key`` only counts.

    ``tell``: whom to notify, the first time, that it could not be read.

    Raises:
        Unavailable: it could not be stored.
    """
    params = {
        "channel": channel_id,
        "key": key,
        "inbound": Jsonb(stored),
        "why": why[:MAX_REASON],
        "tell": None if tell is None else Jsonb(tell),
    }
    try:
        await db.call(IntakeScope(owner_id), QUARANTINE, params)
    except Error as error:
        raise Unavailable("The message could not be stored.", hint="Deliver it again.") from error


def _settled(row: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome of one message.

    Raises:
        psycopg.Error: the database error of this message.
    """
    if row["outcome"] != "failed":
        return row
    code = row["code"]
    if code == "DS001":
        raise NotFound(f"There is {text_of_code(row['about'])}.", hint="Check the id.")
    if code == "DS002":
        raise BadInput(f"The sender can't be resolved: {text_of_code(row['about'])}.")
    raise errors.lookup(code)(f"the database rejected it ({code})")


def _message(inbound: Inbound) -> dict[str, Any]:
    """Return the message as a ``gate.inbound``."""
    kind: Literal["address", "group", "contact", "owner"]
    platform = platform_id = contact = None
    name = ""
    match inbound.sender:
        case AddressSender(address, display):
            address = Address.parse(str(address))
            kind, platform, platform_id = "address", address.platform, address.platform_id
            name = plain_name(display)
        case GroupSender(display):
            kind, name = "group", plain_name(display)
        case ContactSender(contact_id):
            kind, contact = "contact", contact_id
        case OwnerSender():
            kind = "owner"
        case UnknownSender(why):
            raise BadInput(f"The sender can't be resolved: {why}")
    group = inbound.group
    group_address = Address.parse(str(group.address)) if group else None
    return {
        "channel": str(inbound.channel_id),
        "chat": _checked(inbound.chat_id, "id of the chat", required=True),
        "platform_thread": _checked(inbound.platform_thread, "id of the thread"),
        "platform_message": _checked(inbound.message_id, "id of the message", required=True),
        "written_at": inbound.sent_at.isoformat(),
        "sender_kind": kind,
        "sender_platform": platform,
        "sender_id": platform_id,
        "sender_contact": str(contact) if contact else None,
        "sender_display": name,
        "group_platform": group_address.platform if group_address else None,
        "group_id": group_address.platform_id if group_address else None,
        "group_name": plain_name(group.name) if group else "",
        "thread": _checked(inbound.thread_key, "thread key"),
        "force_new": inbound.new_session,
        "body": checked_text(inbound.line),
        "in_reply_to": inbound.reply_to
        and _checked(inbound.reply_to, "id of the answered message"),
        "addressed": inbound.addressed,
        "album_id": inbound.album,
        "limited": inbound.limited,
        "files": [
            {**asdict(attachment), "name": plain_name(attachment.name)}
            for attachment in inbound.attachments
        ],
        "details": details_of(inbound.text, inbound.content),
        "edit_of": _checked(inbound.edit_of, "id of the edited message"),
    }


def _checked(key: str, what: str, *, required: bool = False) -> str:
    """Return a valid key unchanged. A repaired one could be somebody else's, so it is refused."""
    if (required and not key) or len(key) > MAX_PLATFORM_ID or not is_visible(key):
        raise BadInput(
            f"The {what} is invalid.",
            hint=f"Use up to {MAX_PLATFORM_ID} visible characters.",
        )
    return key


def _explained(error: Error) -> Exception:
    if isinstance(error, OperationalError):
        # The connection, the disk or a shutdown is at fault, not the message.
        return outage_of(error) or Unavailable(
            "The database can't store it now.", hint="Try again."
        )
    return error
