"""Stream an answer: show the text so far in one message that is edited.

Nothing depends on it. The shown message is recorded with the route, and the next send on that route
replaces it, by an edit or by deleting it first (``delivery``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

import structlog

from discreet.domain.audience import Released, Withheld, release_notice
from discreet.domain.canaries import CanaryFound
from discreet.domain.concurrency import end, happens, running
from discreet.domain.ids import OwnerId
from discreet.domain.outbound import DraftResult, Later, OutcomeUnknown, Place, Rejected, Sent
from discreet.scope import ScopedDatabase
from discreet.scope.scopes import SessionScope
from discreet.turn.lease import Lease, LeaseLost, hold
from discreet.turn.typing_indicator import place_of

log = structlog.get_logger(__name__)

FIRST_SECONDS = 2.0
"""An answer that is finished this soon after its first word is sent in one piece."""
LOOK_SECONDS = 0.25
"""Seconds between two checks for a first word."""
SHOWN_CHARACTERS = 16_000
"""More than fits into one message of any platform; text beyond it needn't be compared."""
EDIT_SECONDS = 15.0
"""Seconds to wait, at the end, for an edit in progress; channels time out sooner."""

# The check that delivery makes before every send; and no earlier answer may still be on its way
# there, or it would replace this one's message.
STANDS = """
SELECT r.draft_message, r.draft_at > clock_timestamp() - interval '10 minutes' AS fresh,
       (SELECT m.platform_message_id FROM discreet.messages m
         WHERE m.turn_id = %(turn)s AND m.direction = 'in'
         ORDER BY m.position DESC LIMIT 1) AS reply_to,
       gate.may_send_on_route(r.id, %(session)s, %(turn)s, NULL) AS may_send_on_route,
       NOT EXISTS (SELECT FROM discreet.outbox o WHERE o.route_id = r.id
                    AND o.state IN ('pending', 'sending')) AS free
  FROM discreet.routes r WHERE r.id = %(route)s AND r.session_id = %(session)s
"""
KEEP = """
UPDATE discreet.routes SET draft_message = %(message)s, draft_at = clock_timestamp()
 WHERE id = %(route)s
"""
DISTRUST = "UPDATE discreet.routes SET draft_at = NULL WHERE id = %(route)s"
# Not if another turn or an answer has taken it over by now.
WITHDRAW = """
UPDATE discreet.routes r SET draft_message = NULL, draft_at = NULL
 WHERE r.id = %(route)s AND r.draft_message = %(message)s
   AND NOT EXISTS (SELECT FROM discreet.outbox o WHERE o.route_id = r.id
                    AND o.state IN ('pending', 'sending'))
   AND EXISTS (SELECT FROM discreet.sessions s WHERE s.id = r.session_id
                AND coalesce(s.current_turn, %(turn)s) = %(turn)s)
RETURNING r.id
"""


class DraftPlatforms(Protocol):
    """The operations of platforms that streaming needs."""

    def draft_interval(self, owner_id: OwnerId, platform: str, place: Place) -> float | None:
        """Return the minimum seconds between two edits, or None if there is no streaming."""
        ...

    async def show_draft(
        self,
        owner_id: OwnerId,
        platform: str,
        place: Place,
        text: str,
        reply_to: str | None,
        shown_as: str | None,
    ) -> DraftResult:
        """Show the text so far; see ``Channel.show_draft``."""
        ...

    async def take_back(self, owner_id: OwnerId, platform: str, place: Place, message: str) -> None:
        """Delete it; see ``Channel.take_back``."""
        ...


@asynccontextmanager
async def streaming(
    db: ScopedDatabase,
    scope: SessionScope,
    lease: Lease,
    written: Callable[[int], Released],
    platforms: DraftPlatforms,
) -> AsyncIterator[None]:
    """Show the beginning of the text so far (``written``) until the block ends; never fail.

    If the block ends with ``LeaseLost``, the shown message is deleted: the turn says nothing.
    """
    stream = _Stream(db, scope, lease, written, platforms)
    stop = asyncio.Event()
    # Waited for rather than cancelled: an edit in progress must not arrive after the answer.
    async with running(stream.run(stop), "streaming", grace=EDIT_SECONDS) as task:
        try:
            yield
        except LeaseLost:
            stop.set()
            await end(task, grace=EDIT_SECONDS)
            await stream.withdraw()
            raise
        finally:
            stop.set()


@dataclass
class _Stream:
    db: ScopedDatabase
    scope: SessionScope
    lease: Lease
    written: Callable[[int], Released]
    platforms: DraftPlatforms
    platform: str = ""
    place: Place | None = None
    message: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        while not self._text(1).text:
            if await happens(stop, LOOK_SECONDS):
                return
        found = await place_of(self.db, self.lease.route_id)
        if found is None:
            return
        self.platform, self.place = found
        pace = self.platforms.draft_interval(self.scope.owner_id, *found)
        if pace is None:
            return
        wait, begun, shown = pace, 0.0, release_notice("")
        try:
            while not await happens(stop, wait):
                wait, text = pace, self._text(SHOWN_CHARACTERS)
                begun = begun or (time.monotonic() if text.text else 0.0)
                if text == shown or time.monotonic() - begun < FIRST_SECONDS:
                    continue
                match await self._show(self.place, text):
                    case Sent():
                        shown = text
                    case Later(delay):
                        wait = max(pace, delay.total_seconds())
                    case Rejected() | OutcomeUnknown():
                        return
        except LeaseLost:
            return
        except Exception as error:
            log.warning("streaming an answer failed", error=type(error).__name__)

    def _text(self, characters: int) -> Released:
        try:
            return self.written(characters)
        except (Withheld, CanaryFound):
            return release_notice("")  # the turn ends with that error; nothing of it is shown

    async def _show(self, place: Place, text: Released) -> DraftResult | None:
        async with self.db.begin(self.scope) as tx:
            await hold(tx, self.lease.session_id, self.lease.turn_id)
            stands = await tx.fetch_one(STANDS, self._ids())
        if stands is None or not stands["may_send_on_route"]:
            return Rejected("its route leads elsewhere")
        if not stands["free"]:
            return None
        before: str | None = stands["draft_message"]
        if before is not None and not stands["fresh"]:
            await self._take_back(place, before)
            before = None
        result = await self.platforms.show_draft(
            self.scope.owner_id, self.platform, place, text.text, stands["reply_to"], before
        )
        match result:
            case Sent(message):
                await self._keep(place, message, is_new=message != before)
            case OutcomeUnknown():
                await self._execute(DISTRUST)
            case Later() | Rejected():
                pass
            case _:
                assert_never(result)
        return result

    async def _keep(self, place: Place, message: str, *, is_new: bool) -> None:
        self.message = message
        try:
            async with self.db.begin(self.scope) as tx:
                await hold(tx, self.lease.session_id, self.lease.turn_id)
                await tx.execute(KEEP, {"message": message, "route": self.lease.route_id})
        except LeaseLost:
            if is_new:  # nothing else records it
                await self._take_back(place, message)
            raise

    async def withdraw(self) -> None:
        """Delete the shown message, unless another turn or answer has taken it over."""
        try:
            await self._withdraw()
        except Exception as error:
            log.warning("a draft could not be withdrawn", error=type(error).__name__)

    async def _withdraw(self) -> None:
        if self.message is None or self.place is None:
            return
        async with self.db.begin(self.scope) as tx:
            await tx.execute(
                "SELECT 1 FROM discreet.sessions WHERE id = %(session)s FOR UPDATE", self._ids()
            )
            mine = await tx.value(WITHDRAW, {**self._ids(), "message": self.message})
        if mine is not None:
            await self._take_back(self.place, self.message)

    async def _take_back(self, place: Place, message: str) -> None:
        await self.platforms.take_back(self.scope.owner_id, self.platform, place, message)

    async def _execute(self, sql: str) -> None:
        async with self.db.begin(self.scope) as tx:
            await tx.execute(sql, self._ids())

    def _ids(self) -> dict[str, Any]:
        lease = self.lease
        return {"turn": lease.turn_id, "route": lease.route_id, "session": lease.session_id}
