"""Format the lines of a prompt: time, speaker, words, and anything else as data.

A line's text depends only on the line and the time zone, so the prompts of later turns begin with
the same bytes.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from discreet.turn.context import OWNER, Line, RepliedTo, Speaker
from discreet.turn.escaping import clean_name, clip, one_line, record, tokens

LINE_OVERHEAD = 20
"""Tokens of a line in addition to its text: role, time, delimiters, the speaker."""
MAX_REPLY = 300
"""Maximum tokens of a quoted line that another one replies to."""
IN_PERSON = "[said by your owner in person, in your place]"
"""Precedes what the owner said in the agent's place, so that the agent knows it and is consistent.
"""


def describe_speaker(speaker: Speaker) -> str:
    """Describe a speaker on one line: the name, if any, then the address."""
    if speaker == OWNER:
        return "the owner"
    name, address = clean_name(speaker.name), one_line(speaker.address)
    if name and address:
        return f"{name} ({address})"
    return name or address or "somebody unknown"


def size_of(line: Line) -> int:
    """Return the approximate tokens of a line."""
    quoted = 0 if line.replies_to is None else min(tokens(line.replies_to.text), MAX_REPLY)
    return tokens(line.text) + quoted + LINE_OVERHEAD


def stamp(at: datetime, zone: tzinfo) -> str:
    """Format the time before a line: ``Sun 2026-05-03 09:30``."""
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"


def answer_line(line: Line) -> str:
    """Return a line of the agent, without a time, or the model would start its answers with one."""
    return line.text if line.speaker is None else f"{IN_PERSON} {line.text}"


def answered_at(lines: list[Line], zone: tzinfo) -> str:
    """Return the times of the agent's lines above."""
    return f"[your words above: {', '.join(stamp(line.at, zone) for line in lines)}]"


def said_line(line: Line, zone: tzinfo, *, name_speaker: bool) -> str:
    """Format a person's line: after its time, or as a JSON record if it has more than words."""
    at = stamp(line.at, zone)
    if not name_speaker and not line.parts and not line.forwarded and line.replies_to is None:
        return f"[{at}] {line.text}"
    speaker = line.speaker or Speaker()
    who: dict[str, Any] = {}
    if name_speaker:
        who = {"from": speaker.address or "unknown", "name": clean_name(speaker.name)}
    words = line.text if line.words is None else line.words
    return record(
        at=at,
        **who,
        replies_to=None if line.replies_to is None else _reply(line.replies_to, zone),
        forwarded=dict(line.forwarded) if line.forwarded else None,
        text=words,
        parts=[dict(each) for each in line.parts],
    )


def _reply(reply: RepliedTo, zone: tzinfo) -> dict[str, Any]:
    said_by = "you" if reply.speaker is None else describe_speaker(reply.speaker)
    text = clip(reply.text, MAX_REPLY)
    fields = {
        "said_by": said_by,
        "at": None if reply.at is None else stamp(reply.at, zone),
        "quoted" if reply.is_part else "text": text or "(this text isn't stored here)",
    }
    return {name: value for name, value in fields.items() if value is not None}
