"""The receive cursor of a channel, for platforms that don't wait for a confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg import Error

from discreet.domain.errors import Unavailable
from discreet.domain.ids import ChannelId, OwnerId
from discreet.scope import IntakeScope, ScopedDatabase

MAX_ERROR = 500
"""Maximum characters kept of a receive error."""


@dataclass(frozen=True, slots=True)
class ChannelCursor:
    """The ``ReceiveCursor`` of one channel, stored in the database."""

    db: ScopedDatabase
    owner_id: OwnerId
    channel_id: ChannelId

    async def received_through(self) -> datetime:
        """Implement ``ReceiveCursor.received_through``; return now if the channel was removed.

        Raises:
            Unavailable: the database can't be reached.
        """
        row = await self._call(
            "SELECT received_through FROM gate.receive_cursor(%(ticket)s, %(channel)s)", None
        )
        return datetime.now(UTC) if row is None else row["received_through"]

    async def advance(self, until: datetime) -> None:
        """Implement ``ReceiveCursor.advance``.

        Raises:
            Unavailable: the database can't be reached.
        """
        await self._call(
            "SELECT gate.advance_receive_cursor(%(ticket)s, %(channel)s, %(value)s)", until
        )

    async def chats(self) -> Sequence[tuple[str, str]]:
        """Implement ``ReceiveCursor.chats``.

        Raises:
            Unavailable: the database can't be reached.
        """
        row = await self._call(
            "SELECT chats FROM gate.receive_cursor(%(ticket)s, %(channel)s)", None
        )
        return [] if row is None else [(chat, thread) for chat, thread in row["chats"]]

    async def record_error(self, why: str) -> None:
        """Implement ``ReceiveCursor.record_error``.

        Raises:
            Unavailable: the database can't be reached.
        """
        await self._call(
            "SELECT gate.record_channel_error(%(ticket)s, %(channel)s, %(value)s)", why[:MAX_ERROR]
        )

    async def _call(self, sql: LiteralString, value: object) -> dict[str, Any] | None:
        params = {"channel": self.channel_id, "value": value}
        try:
            return await self.db.call(IntakeScope(self.owner_id), sql, params)
        except Error as error:
            raise Unavailable("The database can't be reached.", hint="Try again.") from error
