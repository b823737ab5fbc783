"""Whether a turn still holds its session. One that lost it may change nothing any more."""

from __future__ import annotations

from discreet.domain.ids import SessionId, TurnId
from discreet.scope import Rows


class ClaimLost(Exception):
    """Another turn holds the session by now, or nobody; this one has to stop without a trace."""


async def hold(rows: Rows, session_id: SessionId, turn_id: TurnId) -> None:
    """Keeps the session for this turn until the transaction of ``rows`` ends.

    Raises:
        ClaimLost: the session is not this turn's.
    """
    held = await rows.value(
        "SELECT true FROM discreet.sessions WHERE id = %(session)s AND current_turn = %(turn)s"
        " FOR UPDATE",
        {"session": session_id, "turn": turn_id},
    )
    if not held:
        raise ClaimLost
