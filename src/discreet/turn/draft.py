"""The draft of an answer, stored where waiting clients can read it."""

from __future__ import annotations

import time

from discreet.scope import ScopedDatabase
from discreet.scope.scopes import SessionScope
from discreet.turn.lease import Lease, hold

DRAFT_SECONDS = 0.12
"""How often it is stored, at most; longer texts are more rarely: see ``_pause``."""
DRAFT_CHARACTERS = 10_000
"""Characters that are stored as often as that."""

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
        """Give the whole text so far."""
        return self._text

    async def write(self, text: str) -> None:
        """Take the whole text so far.

        Raises:
            LeaseLost: the turn holds its session no more.
        """
        self._text = text
        if self._lease.is_held:
            return  # whoever waits for it reads it once the owner has
        if time.monotonic() - self._written_at < _pause(text) or not text:
            return
        async with self._db.begin(self._scope) as tx:
            await hold(tx, self._lease.session_id, self._lease.turn_id)
            await tx.execute(STORE, {"turn": self._lease.turn_id, "text": text})
        self._written_at = time.monotonic()


def _pause(text: str) -> float:
    """Seconds until the text is stored again. Each time it is stored, sent and shown whole; so
    that a text costs no more, the longer it has become, it is done more rarely."""
    return DRAFT_SECONDS * max(1.0, len(text) / DRAFT_CHARACTERS)
