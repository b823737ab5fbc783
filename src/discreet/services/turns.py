"""Turns: the input of a turn, its steps, and its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from discreet.contacts.labels import CONTACT_LABEL, Names, names_of, party_label
from discreet.domain.audience import SOMEBODY
from discreet.domain.database_codes import text_of_code
from discreet.domain.errors import NotFound
from discreet.domain.ids import ContactId, OwnerId, SessionId, TurnId
from discreet.domain.paging import MAX_LISTED, mark_of, next_of
from discreet.schemas.turns import (
    Delivery,
    ListTurns,
    ReadContact,
    Turn,
    TurnPage,
    TurnRecord,
)
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.contacts import find_contact

__all__ = ["get_turn", "list_turns", "page_of_turns"]

_TURNS = f"""
    SELECT t.id, t.session_id, t.agent_id, a.name AS agent, t.contact_id, t.shared,
           {CONTACT_LABEL.format(row="t")} AS contact_label,
           t.state, t.attempt, t.model, t.usage, t.error, t.started_at, t.finished_at,
           c.platform, c.account, r.chat_id, r.thread_id,
           (SELECT jsonb_build_object(
                     'state', CASE WHEN o.state = 'failed' THEN 'failed'
                                   WHEN o.read_at IS NOT NULL THEN 'read'
                                   WHEN o.delivered_at IS NOT NULL THEN 'delivered'
                                   WHEN o.state = 'sent' THEN 'sent' ELSE 'waiting' END,
                     'sent_at', o.sent_at, 'delivered_at', o.delivered_at, 'read_at', o.read_at,
                     'error', o.error)
              FROM discreet.messages m JOIN discreet.outbox o ON o.message_id = m.id
             WHERE m.turn_id = t.id AND m.direction = 'out'
             ORDER BY m.position DESC LIMIT 1) AS delivery
      FROM discreet.turns t
      JOIN discreet.agents a ON a.id = t.agent_id
      JOIN discreet.routes r ON r.id = t.route_id
      JOIN discreet.channels c ON c.id = r.channel_id
"""


async def list_turns(
    db: ScopedDatabase,
    owner_id: OwnerId,
    *,
    contact_id: ContactId | None = None,
    session_id: SessionId | None = None,
    limit: int = MAX_LISTED,
    skip: int = 0,
) -> list[Turn]:
    """Return turns, newest first; only those of one contact or session if it is named."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            _TURNS
            + """ WHERE (%(contact)s::uuid IS NULL OR t.contact_id = %(contact)s)
                    AND (%(session)s::uuid IS NULL OR t.session_id = %(session)s)
                  ORDER BY t.started_at DESC, t.id LIMIT %(limit)s OFFSET %(skip)s""",
            {"contact": contact_id, "session": session_id, "limit": limit, "skip": skip},
        )
    return [_turn(row) for row in found]


async def page_of_turns(db: ScopedDatabase, owner_id: OwnerId, request: ListTurns) -> TurnPage:
    """List turns, newest first.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    contact_id = request.contact_id
    if request.sender is not None:
        contact_id = (await find_contact(db, owner_id, request.sender)).contact.id
    at, after = mark_of(request.cursor) or (None, None)
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            _TURNS
            + """ WHERE (%(contact)s::uuid IS NULL OR t.contact_id = %(contact)s)
                    AND (%(session)s::uuid IS NULL OR t.session_id = %(session)s)
                    AND (%(at)s::timestamptz IS NULL OR (t.started_at, t.id) < (%(at)s, %(after)s))
                  ORDER BY t.started_at DESC, t.id DESC LIMIT %(limit)s""",
            {
                "contact": contact_id,
                "session": request.session_id,
                "at": at,
                "after": after,
                "limit": request.limit + 1,
            },
        )
    turns = [_turn(row) for row in found]
    following = next_of(turns, request.limit, lambda one: (one.started_at, one.id))
    return TurnPage(items=turns[: request.limit], next=following)


async def get_turn(db: ScopedDatabase, owner_id: OwnerId, turn_id: TurnId) -> TurnRecord:
    """Return one turn with its context.

    Raises:
        NotFound: the owner has no such turn.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(_TURNS + " WHERE t.id = %(id)s", {"id": turn_id})
        if row is None:
            raise NotFound(f"There is no turn {turn_id}.", hint="See: sb turns list")
        kept = await tx.fetch_one(
            "SELECT prompt, steps, contact_id, read FROM discreet.turns WHERE id = %(id)s",
            {"id": turn_id},
        )
        lines = await tx.fetch(
            "SELECT direction, text, created_at FROM discreet.messages WHERE turn_id = %(id)s"
            " ORDER BY position",
            {"id": turn_id},
        )
        read = await _read(tx, kept or {})
        prompt = (kept or {}).get("prompt") or {}
        found = await _since(tx, prompt.get("found", ()))
    steps = (kept or {}).get("steps") or ()
    turn = _turn(row)
    seconds: Mapping[str, Any] = next((step["seconds"] for step in steps if "seconds" in step), {})
    arrived = [line["created_at"] for line in lines if line["direction"] == "in"]
    return TurnRecord(
        turn=turn,
        said=tuple(line["text"] for line in lines if line["direction"] == "in"),
        answer=_last([line["text"] for line in lines if line["direction"] == "out"]),
        system=prompt.get("system"),
        chat=tuple(prompt.get("messages", ())),
        found=found,
        steps=_timed([step for step in steps if "tool" in step], seconds.get("tools", ())),
        reasoning=next((step["reasoning"] for step in steps if "reasoning" in step), None),
        stages=_stages(turn, min(arrived, default=None), seconds),
        read=read,
    )


async def _since(
    tx: Transaction, found: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, Any], ...]:
    """Add to what a turn was given what became of it: ``now``; for memories alone."""
    ids = [one["id"] for one in found if one.get("kind") == "memory" and one.get("id")]
    if not ids:
        return tuple(found)
    kept = {
        row["id"]: row
        for row in await tx.fetch(
            "SELECT id::text, version, content FROM discreet.memories WHERE id = ANY(%(ids)s)",
            {"ids": ids},
        )
    }
    archived = await tx.fetch_tuples(
        "SELECT DISTINCT memory_id::text FROM discreet.memory_history"
        " WHERE memory_id = ANY(%(ids)s)",
        {"ids": ids},
    )
    forgotten = {row[0] for row in archived} - set(kept)

    def became(one: Mapping[str, Any]) -> str | None:
        if one.get("id") not in ids:
            return None
        if (row := kept.get(one["id"])) is None:
            return "forgotten" if one["id"] in forgotten else "gone"
        if one.get("version") is None:  # a turn from before versions were recorded
            return "kept" if one.get("text") == row["content"] else "changed"
        return "kept" if one["version"] == row["version"] else "changed"

    return tuple({**one, "now": became(one)} for one in found)


def _timed(
    steps: Sequence[Mapping[str, Any]], seconds: Sequence[float]
) -> tuple[Mapping[str, Any], ...]:
    """Return steps with the time that each took, if that was measured."""
    if len(steps) != len(seconds):
        return tuple(steps)
    return tuple({**step, "seconds": n} for step, n in zip(steps, seconds, strict=True))


def _stages(turn: Turn, arrived: datetime | None, measured: Mapping[str, Any]) -> dict[str, float]:
    """Return how long each stage took, in order, as far as that is known."""
    stages = {}
    if arrived is not None:
        stages["waited"] = (turn.started_at - arrived).total_seconds()
    within = {name: measured[name] for name in ("prompt", "model") if name in measured}
    stages |= within
    if turn.finished_at is None:
        return stages
    took = (turn.finished_at - turn.started_at).total_seconds()
    if within:
        stages["saved"] = max(took - sum(within.values()), 0.0)
    sent_at = None if turn.delivery is None else turn.delivery.sent_at
    if sent_at is not None:
        stages["sent"] = max((sent_at - turn.finished_at).total_seconds(), 0.0)
    return stages


async def _read(tx: Transaction, turn: Mapping[str, Any]) -> tuple[ReadContact, ...]:
    """Return whose rows a turn has read; a contact's turn has read its own alone."""
    own = turn.get("contact_id")
    ids = [own] if own is not None else list(turn.get("read") or ())
    names = await names_of(tx, ids)
    return tuple(_read_contact(one, names.get(one)) for one in ids)


def _read_contact(contact_id: UUID, names: Names | None) -> ReadContact:
    if contact_id == SOMEBODY:
        return ReadContact(id=None, label="an erased contact")
    label = "" if names is None else names.name or names.address
    return ReadContact(id=contact_id, label=label or f"contact:{contact_id}")


def _last(texts: Sequence[str]) -> str | None:
    return texts[-1] if texts else None


def _turn(row: Mapping[str, Any]) -> Turn:
    return Turn(
        id=row["id"],
        session_id=row["session_id"],
        agent_id=row["agent_id"],
        agent=row["agent"],
        contact_id=row["contact_id"],
        whose=party_label(row["contact_label"], shared=row["shared"]),
        state=row["state"],
        attempt=row["attempt"],
        model=row["model"],
        usage={name: n for name, n in (row["usage"] or {}).items() if name != "instead_of"},
        instead_of=(row["usage"] or {}).get("instead_of"),
        error=text_of_code(row["error"]) or None,
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        route={name: row[name] for name in ("platform", "account", "chat_id", "thread_id")},
        delivery=None if row["delivery"] is None else _delivery(row["delivery"]),
    )


def _delivery(found: Mapping[str, Any]) -> Delivery:
    def when(name: str) -> datetime | None:
        return None if found[name] is None else datetime.fromisoformat(found[name])

    return Delivery(
        state=found["state"],
        sent_at=when("sent_at"),
        delivered_at=when("delivered_at"),
        read_at=when("read_at"),
        error=found["error"],
    )
