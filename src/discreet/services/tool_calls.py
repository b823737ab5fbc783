"""Tool calls that wait for the owner's approval: list, approve and deny them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from discreet.contacts.labels import CONTACT_LABEL, party_label
from discreet.domain.errors import BadInput, Conflict, NotFound
from discreet.domain.ids import OwnerId
from discreet.domain.text import literal
from discreet.schemas.tools import PendingCall
from discreet.scope import OwnerScope, ScopedDatabase, Transaction

__all__ = ["PendingCall", "approve_call", "call_lines", "deny_call", "find_call", "pending_calls"]

MAX_LISTED = 100
MAX_VALUE = 1_500
"""Characters of one argument that are shown."""
_CALLS = f"""
    SELECT c.id, c.called, c.arguments, c.created_at, c.expires_at, s.contact_id, a.name AS agent,
           s.shared, {CONTACT_LABEL.format(row="s")} AS label
      FROM discreet.tool_calls c
      JOIN discreet.sessions s ON s.id = c.session_id
      JOIN discreet.agents a ON a.id = s.agent_id
     WHERE c.decider = 'owner' AND c.state = 'waiting' AND c.expires_at > clock_timestamp()
"""


async def pending_calls(db: ScopedDatabase, owner_id: OwnerId) -> list[PendingCall]:
    """Return the calls that wait for the owner, oldest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            _CALLS + " ORDER BY c.created_at, c.id LIMIT %(limit)s", {"limit": MAX_LISTED}
        )
    return [_call(dict(row)) for row in found]


async def approve_call(db: ScopedDatabase, owner_id: OwnerId, which: str) -> PendingCall:
    """Let exactly this call be made, once, in the conversation that asked for it.

    Raises:
        NotFound, BadInput: as for ``find_call``.
        Conflict: it was decided in the meantime, or its contact is blocked.
    """
    return await _decide(db, owner_id, which, is_yes=True)


async def deny_call(db: ScopedDatabase, owner_id: OwnerId, which: str) -> PendingCall:
    """Refuse a call. The contact is told.

    Raises:
        NotFound, BadInput, Conflict: as for ``approve_call``.
    """
    return await _decide(db, owner_id, which, is_yes=False)


async def find_call(tx: Transaction, which: str) -> PendingCall:
    """Return the waiting call whose id is, or begins with, ``which`` (at least six characters).

    Raises:
        NotFound: there is none.
        BadInput: there are several, or too few characters.
    """
    prefix = which.strip().casefold().replace("-", "")
    if not re.fullmatch(r"[0-9a-f]{6,32}", prefix):
        raise BadInput(f"{which!a} is not the id of a call.", hint="See: sb agents tools calls")
    found = await tx.fetch(
        _CALLS + " AND starts_with(replace(c.id::text, '-', ''), %(prefix)s) LIMIT 2",
        {"prefix": prefix},
    )
    if not found:
        raise NotFound(
            f"No call {which} waits for your approval.", hint="See: sb agents tools calls"
        )
    if len(found) > 1:
        raise BadInput(f"Several calls begin with {which}.", hint="See: sb agents tools calls")
    return _call(dict(found[0]))


def call_lines(arguments: Mapping[str, Any]) -> list[str]:
    """Return a line for each argument of a call, as people read it."""
    return [
        f"- {literal(key)}: {literal(json.dumps(value, ensure_ascii=False), MAX_VALUE)}"
        for key, value in arguments.items()
    ]


async def _decide(
    db: ScopedDatabase, owner_id: OwnerId, which: str, *, is_yes: bool
) -> PendingCall:
    async with db.begin(OwnerScope(owner_id)) as tx:
        call = await find_call(tx, which)
        if not await tx.value(
            "SELECT gate.decide_call_as_owner(%(id)s, %(yes)s)", {"id": call.id, "yes": is_yes}
        ):
            raise Conflict(
                "This call no longer waits for your approval.", hint="See: sb agents tools calls"
            )
    return call


def _call(row: dict[str, object]) -> PendingCall:
    label, shared = row.pop("label"), bool(row.pop("shared"))
    return PendingCall.model_validate(
        {**row, "whose": party_label(None if label is None else str(label), shared=shared)}
    )
