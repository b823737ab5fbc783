"""Where a contact is, as it told."""

from __future__ import annotations

from discreet.scope import Transaction


async def set_time_zone(tx: Transaction, zone: str) -> None:
    """Note the time zone of the contact of this scope, by its IANA name."""
    await tx.execute("SELECT gate.set_time_zone(%(zone)s)", {"zone": zone})
