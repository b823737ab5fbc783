"""Whether a turn still holds its session. One that lost it may change nothing any more."""

from __future__ import annotations

from discreet.domain.ids import SessionId, TurnId
from discreet.scope import Rows


class ClaimLost(Exception):
    """Another turn holds the session by now, or nobody may; this one has to stop without a trace.

    Nobody may while the agent pauses or the contact is blocked. What the turn took is taken anew
    once that has ended.
    """


async def hold(rows: Rows, session_id: SessionId, turn_id: TurnId) -> None:
    """Keeps the session for this turn until the transaction of ``rows`` ends.

    Raises:
        ClaimLost: the session is not this turn's, or is withheld from all.
    """
    held = await rows.value(
        "SELECT true FROM discreet.sessions WHERE id = %(session)s AND current_turn = %(turn)s"
        " FOR UPDATE",
        {"session": session_id, "turn": turn_id},
    )
    # Asked after the row is locked: a statement of its own sees what was committed until then.
    if not held or await rows.value(
        "SELECT gate.is_withheld(%(session)s)", {"session": session_id}
    ):
        raise ClaimLost
