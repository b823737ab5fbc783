"""How far a channel has listened: what it needs so that nothing is missed where a platform waits
for no confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg import Error

from discreet.domain.errors import Unavailable
from discreet.domain.ids import ChannelId, OwnerId
from discreet.scope import IntakeScope, ScopedDatabase

MAX_TROUBLE = 500
"""Characters of what keeps a channel from receiving that are kept."""


@dataclass(frozen=True, slots=True)
class ChannelHearing:
    """``Hearing`` of one channel, kept in the database."""

    db: ScopedDatabase
    owner_id: OwnerId
    channel_id: ChannelId

    async def until(self) -> datetime:
        """See ``Hearing.until``; now where the channel was removed meanwhile.

        Raises:
            Unavailable: the database can't be reached.
        """
        row = await self._call(
            "SELECT heard_until FROM gate.hearing(%(ticket)s, %(channel)s)", None
        )
        return datetime.now(UTC) if row is None else row["heard_until"]

    async def note(self, until: datetime) -> None:
        """See ``Hearing.note``.

        Raises:
            Unavailable: the database can't be reached.
        """
        await self._call("SELECT gate.note_heard(%(ticket)s, %(channel)s, %(value)s)", until)

    async def chats(self) -> Sequence[tuple[str, str]]:
        """See ``Hearing.chats``.

        Raises:
            Unavailable: the database can't be reached.
        """
        row = await self._call("SELECT chats FROM gate.hearing(%(ticket)s, %(channel)s)", None)
        return [] if row is None else [(chat, thread) for chat, thread in row["chats"]]

    async def trouble(self, why: str) -> None:
        """See ``Hearing.trouble``.

        Raises:
            Unavailable: the database can't be reached.
        """
        await self._call(
            "SELECT gate.note_trouble(%(ticket)s, %(channel)s, %(value)s)", why[:MAX_TROUBLE]
        )

    async def _call(self, sql: LiteralString, value: object) -> dict[str, Any] | None:
        params = {"channel": self.channel_id, "value": value}
        try:
            return await self.db.call(IntakeScope(self.owner_id), sql, params)
        except Error as error:
            raise Unavailable("The database can't be reached.", hint="Try again.") from error
