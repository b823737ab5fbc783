"""Discord's notices about a channel. They are stored as lines and start no turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from discreet.domain.content import Part, notice, part

Say = Callable[[Mapping[str, Any]], str]


def notice_of(message: Mapping[str, Any]) -> Part | None:
    """Return the notice in a message; None if a person wrote it, or its type is unknown."""
    say = NOTICES.get(int(message.get("type") or 0))
    return None if say is None else notice(say(message))


def reaction_of(reaction: Mapping[str, Any]) -> Part:
    """Return a part for a reaction that was added, or ``removed``."""
    emoji = reaction.get("emoji") or {}
    sign = f":{emoji.get('name')}:" if emoji.get("id") else str(emoji.get("name") or "?")
    return part("reaction", sign=f"none, taken back: {sign}" if reaction.get("removed") else sign)


def _plain(text: str) -> Say:
    return lambda _: text


def _with_content(text: str) -> Say:
    return lambda message: ": ".join(filter(None, (text, str(message.get("content") or ""))))


def _subscribed(message: Mapping[str, Any]) -> str:
    data = message.get("role_subscription_data") or {}
    months = data.get("total_months_subscribed")
    said = [str(data.get("tier_name") or ""), f"{months} months" if months else ""]
    return f"subscribed: {', '.join(filter(None, said))}"


def _bought(message: Mapping[str, Any]) -> str:
    bought = (message.get("purchase_notification") or {}).get("guild_product_purchase") or {}
    return f"bought: {bought.get('product_name') or 'something'}"


def _called(message: Mapping[str, Any]) -> str:
    return (
        "called, and the call ended"
        if (message.get("call") or {}).get("ended_timestamp")
        else "called"
    )


def _poll_ended(message: Mapping[str, Any]) -> str:
    told = {
        str(field.get("name")): str(field.get("value"))
        for embed in message.get("embeds") or ()
        for field in embed.get("fields") or ()
    }
    result = (told.get(name) for name in ("poll_question_text", "victor_answer_text"))
    return ": ".join(filter(None, ("a poll ended", *result)))


NOTICES: Mapping[int, Say] = {
    1: _plain("somebody was added"),
    2: _plain("somebody was removed"),
    3: _called,
    4: _with_content("new name of the channel"),
    5: _plain("new icon of the channel"),
    6: _plain("pinned a message"),
    7: _plain("joined the server"),
    8: _with_content("boosted the server"),
    9: _plain("boosted the server to level 1"),
    10: _plain("boosted the server to level 2"),
    11: _plain("boosted the server to level 3"),
    12: _with_content("follows a channel here"),
    14: _plain("the server can't be discovered any more"),
    15: _plain("the server can be discovered again"),
    16: _plain("the server may soon not be discovered any more"),
    17: _plain("the server may soon not be discovered any more"),
    18: _with_content("opened a thread"),
    20: _plain("used a command of another bot"),
    21: _plain("the thread begins with a message"),
    22: _plain("people can be invited"),
    23: _plain("used a command of another bot"),
    24: _plain("a message was blocked by a rule of the server"),
    25: _subscribed,
    26: _plain("an offer of Discord"),
    27: _with_content("a stage began"),
    28: _with_content("a stage ended"),
    29: _plain("a new speaker on the stage"),
    30: _plain("raised a hand on the stage"),
    31: _with_content("new topic of the stage"),
    32: _plain("subscribed to an app"),
    36: _plain("alert mode of the server began"),
    37: _plain("alert mode of the server ended"),
    38: _plain("reported a raid"),
    39: _plain("reported a false alarm"),
    44: _bought,
    46: _poll_ended,
    63: _plain("somebody was notified"),
}
"""Notices by message type. Types 0 (plain) and 19 (a reply) are written by people."""
