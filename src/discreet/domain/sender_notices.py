"""What the system itself says to senders. The database has these texts by their codes."""

from __future__ import annotations

from discreet.domain.policy import Policy

__all__ = ["sender_notices"]


def sender_notices(policy: Policy) -> dict[str, str]:
    """All of them, by code. ``{code}`` stands for a code that the sender gets."""
    return {
        "pairing": (
            "Hello! I only talk to people whom my owner has let in. Please give my owner this code:"
            f" {{code}}\nIt is valid for {duration(policy.pairing_code_seconds)}. Your message is"
            " kept, and answered once you are let in."
        ),
        "owner_code": "(the code that links this account)",
        "owner_linked": "This account is linked: in direct chats you are my owner from now on.",
        "limit_messages_a_minute": (
            "That is more than I can take in at once. Please write again in a minute; what you"
            " write until then is not kept."
        ),
        "limit_waiting": (
            "Many of your messages still wait for an answer. Please wait for it; until then I can"
            " not take more."
        ),
        "limit_tokens_a_day": (
            "That is all I can do for you today. Please write again tomorrow; what you write until"
            " then (midnight UTC) is not kept."
        ),
    }


def duration(seconds: int) -> str:
    """``an hour``, ``2 hours``, ``10 minutes``: in the largest unit that fits exactly."""
    for size, one, many in ((3600, "an hour", "hours"), (60, "a minute", "minutes")):
        if seconds >= size and seconds % size == 0:
            return one if seconds == size else f"{seconds // size} {many}"
    return "a second" if seconds == 1 else f"{seconds} seconds"
