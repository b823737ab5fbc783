"""A contact asks for a person: the owner is notified, and the agent waits or keeps answering."""

from __future__ import annotations

from dataclasses import dataclass

from discreet.domain.ids import SessionId, TurnId
from discreet.scope import Transaction

_SAID = {
    "waits": (
        "I've told the person who runs me. They can answer you here; until then I'll be silent, for"
        " {minutes} at most."
    ),
    "goes_on": "I've told the person who runs me. I'll keep answering until they do.",
    "asked": "The person who runs me already knows that you asked for them.",
}


@dataclass(frozen=True, slots=True)
class PersonAsked:
    """The result. ``text``: what to tell the contact."""

    text: str


async def ask_for_person(
    tx: Transaction, session_id: SessionId, turn_id: TurnId, reason: str
) -> PersonAsked:
    """Record that this scope's contact asks for a person. Repeating it in a turn changes nothing.

    Raises:
        NotFound: the scope has no such session, or it is the owner's own.
    """
    row = await tx.fetch_one(
        "SELECT * FROM gate.ask_for_person(%(session)s, %(turn)s, %(reason)s)",
        {"session": session_id, "turn": turn_id, "reason": reason},
    )
    outcome, minutes = (row["outcome"], row["minutes"]) if row else ("asked", 0)
    return PersonAsked(_SAID[outcome].format(minutes=_duration(minutes)))


def _duration(minutes: int) -> str:
    if minutes % 60 == 0:
        return "an hour" if minutes == 60 else f"{minutes // 60} hours"
    return "a minute" if minutes == 1 else f"{minutes} minutes"
