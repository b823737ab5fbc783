"""The texts that the system itself sends to people. The database refers to them by code."""

from __future__ import annotations

from discreet.domain.policy import Policy

__all__ = ["sender_notices"]


TODAYS_LIMIT = (
    "You have reached today's limit. Please write again tomorrow (after midnight "
    "UTC); I won't see what you send until then."
)


def sender_notices(policy: Policy) -> dict[str, str]:
    """Return all notices by code. ``{code}`` is replaced by the code that the sender gets."""
    return {
        "pairing": (
            "Hello! I only talk to people my owner has approved. Please give my owner this code:"
            f" {{code}}\nIt is valid for {duration(policy.pairing_code_seconds)}. I'll answer your"
            " message once you are approved."
        ),
        "owner_code": "(the code that links this account)",
        "owner_linked": "This account is linked. In direct chats you are now my owner.",
        "unreadable": (
            "I couldn't read your last message. My owner can see it. Please send it in a "
            "different form."
        ),
        "limit_messages_a_minute": (
            "You sent too many messages at once. Please write again in a minute; I won't see "
            "what you send until then."
        ),
        "limit_waiting": (
            "I'm still answering your earlier messages. Please wait for my answer; I "
            "can't take more until then."
        ),
        "limit_tokens_a_day": TODAYS_LIMIT,
        "limit_money_a_day": TODAYS_LIMIT,
        "limit_budget": (
            "I can't answer any more today. Please write again tomorrow (after midnight UTC); I "
            "won't see what you send until then."
        ),
    }


def duration(seconds: int) -> str:
    """Format a duration in the largest unit that fits exactly: ``an hour``, ``10 minutes``."""
    for size, one, many in ((3600, "an hour", "hours"), (60, "a minute", "minutes")):
        if seconds >= size and seconds % size == 0:
            return one if seconds == size else f"{seconds // size} {many}"
    return "a second" if seconds == 1 else f"{seconds} seconds"
