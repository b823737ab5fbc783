"""The time zone of a contact."""

from __future__ import annotations

from discreet.scope import Transaction


async def set_time_zone(tx: Transaction, zone: str) -> None:
    """Store the time zone of this scope's contact, by its IANA name."""
    await tx.execute("SELECT gate.set_time_zone(%(zone)s)", {"zone": zone})
