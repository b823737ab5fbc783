"""Takeover: the owner follows a contact's conversation and answers in person."""

from __future__ import annotations

from datetime import datetime

from discreet.contacts import Contact
from discreet.contacts.labels import CONTACT_LABEL
from discreet.domain.errors import BadInput
from discreet.domain.ids import ContactId, OwnerId, SessionId
from discreet.domain.text import checked_text
from discreet.schemas.takeover import SpokenLine
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.contacts import find_contact
from discreet.services.requeue import wake_waiting

__all__ = [
    "SpokenLine",
    "all_delivered",
    "hand_back",
    "lines_after",
    "speak",
    "take_over",
    "taken_over",
]


async def take_over(
    db: ScopedDatabase, owner_id: OwnerId, who: str, *, session_id: SessionId | None = None
) -> Contact:
    """Silence the agent for this contact from now on, including a running turn.

    ``session_id``: a session of the owner's own, in which the owner's messages go to the contact.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    contact = (await find_contact(db, owner_id, who)).contact
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "UPDATE discreet.contacts SET taken_over_at = coalesce(taken_over_at,"
            " clock_timestamp()) WHERE id = %(id)s",
            {"id": contact.id},
        )
        if session_id is not None:
            await tx.execute(
                "UPDATE discreet.sessions SET takeover_contact_id = %(id)s WHERE id = %(session)s"
                " AND contact_id IS NULL AND NOT shared",
                {"id": contact.id, "session": session_id},
            )
    return contact


async def hand_back(db: ScopedDatabase, owner_id: OwnerId, who: str) -> Contact:
    """Hand the contact back to the agent, which first answers unanswered messages.

    It knows what was said meanwhile.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    contact = (await find_contact(db, owner_id, who)).contact
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "UPDATE discreet.contacts SET taken_over_at = NULL WHERE id = %(id)s",
            {"id": contact.id},
        )
        await tx.execute("SELECT gate.end_person_requests(%(id)s)", {"id": contact.id})
        await tx.execute(
            "UPDATE discreet.sessions SET takeover_contact_id = NULL"
            " WHERE takeover_contact_id = %(id)s",
            {"id": contact.id},
        )
        await wake_waiting(tx, contact_id=contact.id)
    return contact


async def speak(db: ScopedDatabase, owner_id: OwnerId, contact_id: ContactId, text: str) -> None:
    """Send a text to a contact that was taken over, where it last wrote; that answers its messages.

    Raises:
        BadInput: the text is empty; or the contact isn't taken over, or hasn't written anything.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        said = await tx.value(
            "SELECT gate.reply_in_person(%(contact)s, %(text)s)",
            {"contact": contact_id, "text": checked_text(text)},
        )
        await tx.execute(
            "UPDATE discreet.sessions SET seen_at = clock_timestamp() WHERE id ="
            " (SELECT session_id FROM discreet.messages WHERE id = %(said)s)",
            {"said": said},
        )
    if said is None:
        raise BadInput(
            "This contact is not taken over, or has not written anything to answer.",
            hint="Take it over: sb takeover",
        )


async def lines_after(
    db: ScopedDatabase,
    owner_id: OwnerId,
    contact_id: ContactId,
    *,
    after: datetime | None,
    limit: int,
) -> list[SpokenLine]:
    """Return the newest lines of a contact after a time, oldest first; at most ``limit``."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            """SELECT m.id, m.direction, m.in_person, m.created_at AS at, m.turn_id,
                      CASE WHEN m.edited_by IS NULL THEN m.text
                           ELSE regexp_replace(m.text, '^\\[edited\\] ', '') END AS text,
                      m.edited_by IS NOT NULL AS edited,
                      coalesce(nullif(m.details->'quote'->>'text', ''), r.text) AS quoted,
                      CASE WHEN r.direction = 'out'
                             OR (m.details->'quote'->>'is_ours')::boolean THEN a.name
                           ELSE coalesce(nullif(r.sender_name, ''),
                                         nullif(m.details->'quote'->>'said_by', ''))
                      END AS quoted_of,
                      coalesce(o.state, m.state) AS state,
                      CASE WHEN m.in_person THEN 'you' WHEN m.direction = 'out' THEN a.name
                           ELSE coalesce(nullif(m.sender_name, ''), nullif(m.sender_address, ''),
                                         'contact') END AS speaker
                 FROM discreet.messages m JOIN discreet.agents a ON a.id = m.agent_id
                 LEFT JOIN discreet.outbox o ON o.message_id = m.id
                 LEFT JOIN discreet.messages r ON r.id = m.replies_to AND r.party = m.party
                WHERE m.agent_id = ANY(ARRAY(SELECT id FROM discreet.agents))
                  AND m.contact_id = %(contact)s AND m.command IS DISTINCT FROM 'notice'
                  AND (%(after)s::timestamptz IS NULL OR m.created_at > %(after)s)
                ORDER BY m.created_at DESC, m.position DESC LIMIT %(limit)s""",
            {"contact": contact_id, "after": after, "limit": limit},
        )
    return [SpokenLine(**row) for row in reversed(found)]


async def all_delivered(db: ScopedDatabase, owner_id: OwnerId) -> bool:
    """Return whether the owner's own and approved texts were all sent or have failed for good."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return not await tx.value(
            "SELECT EXISTS (SELECT FROM discreet.outbox o JOIN discreet.messages m"
            " ON m.id = o.message_id WHERE (m.in_person OR EXISTS ("
            "SELECT FROM discreet.held_answers h WHERE h.turn_id = m.turn_id))"
            " AND o.state IN ('pending', 'sending'))"
        )


async def taken_over(tx: Transaction, limit: int) -> tuple[str, ...]:
    """Return the labels of the contacts that the owner has taken over, newest first."""
    found = await tx.fetch(
        f"""SELECT {CONTACT_LABEL.format(row="t")} AS label
              FROM (SELECT id AS contact_id FROM discreet.contacts WHERE taken_over_at IS NOT NULL
                     ORDER BY taken_over_at DESC LIMIT %(limit)s) t""",
        {"limit": limit},
    )
    return tuple(row["label"] for row in found)
