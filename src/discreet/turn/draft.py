"""The draft of an answer, stored where waiting clients can read it."""

from __future__ import annotations

import time

from discreet.domain.audience import Released
from discreet.scope import ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope
from discreet.turn.lease import Lease, hold
from discreet.turn.reading import Reading

DRAFT_SECONDS = 0.12
"""Minimum seconds between two stores; longer for long texts, see ``_pause``."""
DRAFT_CHARACTERS = 10_000
"""Characters up to which it is stored that often."""

STORE = """
INSERT INTO discreet.drafts (turn_id, text) VALUES (%(turn)s, %(text)s)
    ON CONFLICT (turn_id, owner_id, agent_id, party) DO UPDATE SET text = excluded.text
"""


class Draft:
    """The draft of one turn."""

    def __init__(
        self, db: ScopedDatabase, scope: SessionScope, lease: Lease, reading: Reading | None = None
    ) -> None:
        self._db = db
        self._scope = scope
        self._lease = lease
        self._reading = reading or Reading.unknown(scope)
        self._written_at = time.monotonic()
        self._text = ""

    def written(self) -> str:
        """Return the whole text so far, as the model wrote it."""
        return self._text

    def released(self, characters: int | None = None) -> Released:
        """Return the first ``characters`` of it as they may be shown.

        Raises:
            Withheld: the turn must not reach anybody.
        """
        return self._reading.answer(self._text[:characters])

    async def write(self, text: str) -> None:
        """Set the whole text so far.

        Raises:
            LeaseLost: the turn no longer holds its session.
        """
        self._text = text
        if self._lease.is_held:
            return  # waiting clients read it after the owner's approval
        if time.monotonic() - self._written_at < _pause(text) or not text:
            return
        async with self._db.begin(self._scope, durable=False) as tx:
            await hold(tx, self._lease.session_id, self._lease.turn_id)
            await _store(tx, self._lease, self.released())
        self._written_at = time.monotonic()


async def _store(tx: Transaction, lease: Lease, released: Released) -> None:
    await tx.execute(STORE, {"turn": lease.turn_id, "text": released.text})


def _pause(text: str) -> float:
    """Return the seconds until the text is stored again.

    The whole text is stored, sent and shown each time, so a longer one is stored less often to keep
    the cost constant.
    """
    return DRAFT_SECONDS * max(1.0, len(text) / DRAFT_CHARACTERS)
