"""Pairing requests of strangers. Only the owner's scope may read or decide them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, DiscreetError, NotFound
from discreet.schemas.admission import Pairing
from discreet.scope import Transaction

MAX_LISTED = 100

_PAIRINGS = """
    SELECT p.id, ch.platform, a.name AS agent, c.name, c.type = 'group' AS of_group,
           (SELECT ad.platform || ':' || ad.platform_id FROM discreet.addresses ad
             WHERE ad.contact_id = c.id ORDER BY ad.created_at LIMIT 1) AS address,
           p.state, p.expires_at, p.created_at,
           (SELECT count(*) FROM discreet.held_messages k WHERE k.pairing_id = p.id) AS held,
           coalesce((SELECT k.arrived->>'body' FROM discreet.held_messages k
                      WHERE k.pairing_id = p.id ORDER BY k.created_at LIMIT 1), '') AS said
      FROM discreet.pairings p
      JOIN discreet.channels ch ON ch.id = p.channel_id
      JOIN discreet.agents a ON a.id = p.agent_id
      JOIN discreet.contacts c ON c.id = p.contact_id
"""


class TooManyTries(DiscreetError):
    """Too many wrong codes; no code is accepted for a while."""


async def pending_pairings(tx: Transaction) -> list[Pairing]:
    """Return all pending requests, newest first."""
    found = await tx.fetch(
        _PAIRINGS + " WHERE p.state = 'pending' ORDER BY p.created_at DESC LIMIT %(limit)s",
        {"limit": MAX_LISTED},
    )
    return [Pairing(**row) for row in found]


async def pairings_of_ids(tx: Transaction, ids: Sequence[UUID]) -> list[Pairing]:
    """Return these requests, decided or not."""
    found = await tx.fetch(_PAIRINGS + " WHERE p.id = ANY (%(ids)s)", {"ids": list(ids)})
    return [Pairing(**row) for row in found]


async def find_pairing(tx: Transaction, who: str) -> list[Pairing]:
    """Return the pairings of an address (one per channel), or the one with the given code.

    Empty if there is none. A wrong code is counted, so the transaction must commit.

    Raises:
        TooManyTries: too many wrong codes within an hour.
    """
    if ":" in who:
        address = Address.parse(who)
        found = await tx.fetch(
            _PAIRINGS + " JOIN discreet.addresses w ON w.contact_id = c.id"
            " WHERE w.platform = %(platform)s AND w.platform_id = %(id)s ORDER BY p.created_at",
            {"platform": address.platform, "id": address.platform_id},
        )
        return [Pairing(**row) for row in found]
    tried = await tx.fetch_one("SELECT * FROM gate.find_pairing(%(code)s)", {"code": who})
    if tried is None or tried["locked"]:
        raise TooManyTries(
            "Too many wrong codes.", hint="Use the address instead of the code, or wait an hour."
        )
    found = await tx.fetch(_PAIRINGS + " WHERE p.id = %(id)s", {"id": tried["pairing"]})
    return [Pairing(**row) for row in found]


async def decide(tx: Transaction, pairing: Pairing, *, let_in: bool) -> int:
    """Admit or deny a stranger; return the number of held messages to answer, or deleted."""
    many = await tx.value(
        "SELECT gate.decide_pairing(%(id)s, %(let_in)s)", {"id": pairing.id, "let_in": let_in}
    )
    return int(many)


def no_such_pairing(who: str) -> DiscreetError:
    """Return the error for a ``find_pairing`` without a result."""
    if ":" in who:
        return NotFound(
            f"{who} has no pending request.",
            hint="See: sb pairing list. To block a contact who is already admitted: sb "
            f"contacts block {who}",
        )
    return BadInput(
        "That code is wrong, used or expired.",
        hint="It has eight characters. Strangers get a new one with their next message after "
        "an hour.",
    )
