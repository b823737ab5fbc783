"""Answers that wait for the owner's approval: list, approve, edit and reject them."""

from __future__ import annotations

import re
from uuid import UUID

from discreet.contacts.labels import CONTACT_LABEL, party_label
from discreet.domain.errors import BadInput, Conflict, NotFound
from discreet.domain.ids import OwnerId
from discreet.domain.text import checked_text
from discreet.schemas.held_answers import HeldAnswer
from discreet.scope import OwnerScope, ScopedDatabase, Transaction

__all__ = [
    "HeldAnswer",
    "approve_answer",
    "find_answer",
    "list_held_answers",
    "reject_answer",
    "waiting_answers",
]

MAX_LISTED = 100
_HELD = f"""
    SELECT h.id, h.session_id, h.text, h.state, h.edited, h.created_at, s.contact_id,
           a.name AS agent, s.shared, {CONTACT_LABEL.format(row="s")} AS label,
           coalesce((SELECT string_agg(m.text, E'\\n' ORDER BY m.position)
                       FROM discreet.messages m
                      WHERE m.turn_id = h.turn_id AND m.direction = 'in'), '') AS asked
      FROM discreet.held_answers h
      JOIN discreet.sessions s ON s.id = h.session_id
      JOIN discreet.agents a ON a.id = s.agent_id
"""


async def list_held_answers(db: ScopedDatabase, owner_id: OwnerId) -> list[HeldAnswer]:
    """Return the waiting answers, oldest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await waiting_answers(tx)


async def approve_answer(
    db: ScopedDatabase, owner_id: OwnerId, which: str, *, text: str | None = None
) -> HeldAnswer:
    """Send a waiting answer, or ``text`` instead, on the route of its question.

    Raises:
        NotFound, BadInput: as for ``find_answer``; or the text is empty.
        Conflict: it is already decided.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        held = await find_answer(tx, which)
        body = held.text if text is None else checked_text(text)
        sent = await _decide(tx, held, body)
    if sent is None:
        raise Conflict(f"This answer is already {held.state}.", hint="See: sb drafts list")
    return held


async def reject_answer(db: ScopedDatabase, owner_id: OwnerId, which: str) -> HeldAnswer:
    """Discard a waiting answer without sending it.

    Raises:
        NotFound, BadInput: as for ``find_answer``.
        Conflict: it was already sent.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        held = await find_answer(tx, which)
        if held.state == "approved":
            raise Conflict("This answer is already approved.", hint="See: sb drafts list")
        await _decide(tx, held, None)
    return held


async def find_answer(tx: Transaction, which: str) -> HeldAnswer:
    """Return the answer whose id is, or begins with, ``which`` (at least six characters).

    Raises:
        NotFound: there is none.
        BadInput: there are several, or too few characters.
    """
    prefix = which.strip().casefold().replace("-", "")
    if not re.fullmatch(r"[0-9a-f]{6,32}", prefix):
        raise BadInput(f"{which!a} is not a draft id.", hint="See: sb drafts list")
    found = await tx.fetch(
        _HELD + " WHERE starts_with(replace(h.id::text, '-', ''), %(prefix)s) LIMIT 2",
        {"prefix": prefix},
    )
    if not found:
        raise NotFound(f"There is no draft {which}.", hint="See: sb drafts list")
    if len(found) > 1:
        raise BadInput(f"Several drafts begin with {which}.", hint="See: sb drafts list")
    return _held(dict(found[0]))


async def waiting_answers(tx: Transaction) -> list[HeldAnswer]:
    """Return the waiting answers, oldest first."""
    found = await tx.fetch(
        _HELD + " WHERE h.state = 'waiting' ORDER BY h.created_at, h.id LIMIT %(limit)s",
        {"limit": MAX_LISTED},
    )
    return [_held(dict(row)) for row in found]


async def _decide(tx: Transaction, held: HeldAnswer, body: str | None) -> UUID | None:
    sent: UUID | None = await tx.value(
        "SELECT gate.decide_answer(%(id)s, %(body)s)", {"id": held.id, "body": body}
    )
    return sent


def _held(row: dict[str, object]) -> HeldAnswer:
    label, shared = row.pop("label"), bool(row.pop("shared"))
    return HeldAnswer.model_validate(
        {**row, "whose": party_label(None if label is None else str(label), shared=shared)}
    )
