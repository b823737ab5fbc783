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
    Inbound,
    OwnerSender,
    UnknownSender,
)
from discreet.domain.text import checked_text, is_visible, plain_name
from discreet.intake.address_aliases import link_aliases
from discreet.intake.serialization import to_json
from discreet.postgres.database_errors import LOST_RACES, outage_of
from discreet.scope import IntakeScope, ScopedDatabase

log = structlog.get_logger(__name__)

MAX_TRIES = 5
"""Attempts at one commit that lost a race (a deadlock, two first deliveries of one message)."""

MAX_REASON = 500
"""Characters of the reason that are kept."""

UNREADABLE = "[a message that could not be read]"

ACCEPT = """
SELECT * FROM gate.accept_messages(%(ticket)s, ARRAY(
  SELECT jsonb_populate_record(NULL::gate.inbound, given.message)
    FROM jsonb_array_elements(%(messages)s) WITH ORDINALITY AS given (message, place)
   ORDER BY given.place))
"""
"""Any number of messages, each with an outcome of its own; their keys are the attributes of
``gate.inbound``."""

QUARANTINE = """
SELECT gate.quarantine_message(%(ticket)s, %(channel)s, %(key)s, %(inbound)s, %(why)s,
                               %(tell)s) AS id
"""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The message is stored (``new``), or was already; ``contact_id`` None: the owner's session."""

    message_id: MessageId
    session_id: SessionId
    contact_id: ContactId | None
    new: bool


Reason = Literal["blocked", "stranger", "aside", "linked", "limited", "erased"]
"""Why a message is not taken. ``blocked``: the owner has blocked its sender, or its group.
``stranger``: they may not come in. ``aside``: they may not yet, and it is kept until then.
``linked``: it was the code that says that its sender is the owner.
``limited``: they have used what they may for a while.
``erased``: it was said before its sender, or its group, was erased."""


class NotTaken(DiscreetError):
    """The message was read, and is not for the agent. Nothing more has to be done with it."""

    def __init__(self, reason: Reason) -> None:
        message, hint = _NOT_TAKEN[reason]
        super().__init__(message, hint=hint)
        self.reason = reason


_NOT_TAKEN: dict[Reason, tuple[str, str]] = {
    "stranger": ("This sender may not come in.", "Who may: sb admission list"),
    "aside": ("This sender has to be let in first.", "See: sb pairing list"),
    "linked": ("This account is the owner's now.", ""),
    "limited": ("This contact went beyond a limit.", "See: sb limits show"),
    "erased": ("That was said before its sender was erased.", "Nothing of it is kept."),
    "blocked": ("You have blocked this contact.", "To hear it again: sb contacts unblock"),
}


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A message that was not taken; it is settled, and may be acknowledged."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The sender can't be resolved: the message waits where only the owner sees it."""

    why: str


async def accept(db: ScopedDatabase, owner_id: OwnerId, inbound: Inbound) -> Accepted:
    """Store a message. When this returns, it may be acknowledged to the platform.

    Raises:
        BadInput: text or ids are empty, too long or not valid, or the sender can't be resolved.
        NotFound: no such contact (of this owner), or no such channel.
        NotTaken: the owner doesn't let the agent hear this; nothing was stored for it.
        Unavailable: the database can't be reached; nothing was stored.
    """
    params = {"messages": Jsonb([_message(inbound)])}
    await link_aliases(db, owner_id, inbound)
    for attempt in range(MAX_TRIES):
        try:
            row = _settled(await db.call(IntakeScope(owner_id), ACCEPT, params))
            break
        except LOST_RACES as error:
            # Another delivery of the same message, a wake job that was put back, a contact that was
            # merged or erased meanwhile: that was committed first; the next attempt sees it.
            if attempt == MAX_TRIES - 1:
                raise Unavailable("The message was not stored.", hint="Try again.") from error
        except OperationalError as error:
            # A connection that was lost leaves open whether the message was stored. To try again
            # tells, since a repeated message changes nothing.
            if attempt:
                raise _explained(error) from error
        except Error as error:
            raise _explained(error) from error
    if row["outcome"] in _NOT_TAKEN:
        raise NotTaken(row["outcome"])
    # A contact that this message has made: its other ids are known from now on. A crash before here
    # leaves that to the next message.
    await link_aliases(db, owner_id, inbound)
    return Accepted(
        row["message_id"], row["session_id"], row["contact_id"], row["outcome"] == "accepted"
    )


async def accept_or_quarantine(
    db: ScopedDatabase, owner_id: OwnerId, inbound: Inbound
) -> Accepted | TurnedAway | Quarantined:
    """As ``accept``, for channels, where nobody is there to be told: what can't be given to a
    contact goes into quarantine, and never into a row without one.

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
        why = reason_of(error)
        key = json.dumps([inbound.chat_id, inbound.message_id])
        tell = _told(inbound)
        await quarantine(db, owner_id, inbound.channel_id, key, to_json(inbound), why, tell=tell)
        log.warning("message quarantined", channel_id=str(inbound.channel_id))
        return Quarantined(why)


def reason_of(error: Exception) -> str:
    """Return why a message can't be given to a contact, for the owner to read."""
    return str(error) if isinstance(error, BadInput | NotFound) else type(error).__name__


def _told(inbound: Inbound) -> dict[str, Any] | None:
    """Return whom to tell that a message can't be read, as a ``gate.inbound``; None: nobody."""
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
    """Keep a message in its stored form. ``key`` says which it is: repeating it only counts.
    ``tell``: who is told, the first time, that it could not be read.

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


def _settled(row: dict[str, Any] | None) -> dict[str, Any]:
    """Return the outcome of one message.

    Raises:
        psycopg.Error: what went wrong with it in the database.
    """
    if row is None:
        raise Unavailable("The message was not stored.", hint="Try again.")
    if row["outcome"] != "failed":
        return row
    code = row["code"]
    if code == "DS001":
        raise NotFound(f"There is {text_of_code(row['about'])}.", hint="Check the id.")
    if code == "DS002":
        raise BadInput(f"The sender can't be resolved: {text_of_code(row['about'])}.")
    raise errors.lookup(code)(f"the database refused it ({code})")


def _message(inbound: Inbound) -> dict[str, Any]:
    """Return the message as a ``gate.inbound``."""
    kind: Literal["address", "contact", "owner"]
    platform = platform_id = contact = None
    name = ""
    match inbound.sender:
        case AddressSender(address, display):
            address = Address.parse(str(address))
            kind, platform, platform_id = "address", address.platform, address.platform_id
            name = plain_name(display)
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
    """Return the key as it is: refused rather than repaired, since a repaired one is another's."""
    if (required and not key) or len(key) > MAX_PLATFORM_ID or not is_visible(key):
        raise BadInput(
            f"The {what} is invalid.",
            hint=f"Use up to {MAX_PLATFORM_ID} visible characters.",
        )
    return key


def _explained(error: Error) -> Exception:
    if isinstance(error, OperationalError):
        # The connection, the disk, a shutdown: not the message's fault.
        return outage_of(error) or Unavailable(
            "The database can't store it now.", hint="Try again."
        )
    return error
