"""The draft of an answer, stored where waiting clients can read it."""

from __future__ import annotations

import time

from discreet.scope import ScopedDatabase
from discreet.scope.scopes import SessionScope
from discreet.turn.lease import Lease, hold

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

    def __init__(self, db: ScopedDatabase, scope: SessionScope, lease: Lease) -> None:
        self._db = db
        self._scope = scope
        self._lease = lease
        self._written_at = time.monotonic()
        self._text = ""

    def written(self) -> str:
        """Return the whole text so far."""
        return self._text

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
        async with self._db.begin(self._scope) as tx:
            await hold(tx, self._lease.session_id, self._lease.turn_id)
            await tx.execute(STORE, {"turn": self._lease.turn_id, "text": text})
        self._written_at = time.monotonic()


def _pause(text: str) -> float:
    """Return the seconds until the text is stored again.

    The whole text is stored, sent and shown each time, so a longer one is stored less often to keep
    the cost constant.
    """
    return DRAFT_SECONDS * max(1.0, len(text) / DRAFT_CHARACTERS)
