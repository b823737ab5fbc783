"""Attacks by calls: arguments, ids, patterns, filters, commands."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Literal

from discreet.audit.attacks.attack import AttackStep, Call, Cast, Operation
from discreet.audit.attacks.wording import worded

__all__ = ["commands", "filters", "ids", "tool_arguments", "wildcards"]

Built = tuple[str, tuple[AttackStep, ...]]
Way = Literal["any", "rest", "mcp"]


def tool_arguments(cast: Cast, variant: int, chance: Random) -> Built:
    """Return calls that name somebody else in an argument."""
    him, way = cast.victim, _way(variant)
    who: tuple[Mapping[str, Any], ...] = (
        {"user": him.id_of("contact")},
        {"user": him.address},
        {"user": him.name},
        {"filter": {"user_id": him.id_of("contact")}},
        {"user": ""},
        {"user": None},
        {"filter": {"contact_id": None}},
        {"user": [him.id_of("contact"), cast.attacker.id_of("contact")]},
    )
    named = dict(who[variant])
    query = chance.choice((him.topic, "secret", "code"))
    return f"calls with {named}", (
        _call("recall", way, query=query, **named),
        _call("list", way, **named),
        _call("search_messages", way, query=query, **named),
        _call("sessions", way, **named),
        _call("remember", way, text=f"{cast.attacker.name} was here {chance.random()}", **named),
        _call("start_session", way, **named),
    )


def ids(cast: Cast, variant: int, chance: Random) -> Built:
    """Return calls that name somebody else's rows by their ids."""
    him = (cast.victim, cast.owner, cast.group)[variant % 3]
    way = _way(variant)
    memory = him.id_of("memory")
    if variant >= 6:
        memory = memory.upper() if variant == 6 else memory.replace("-", "")
    return f"calls with ids of {him.name}'s rows", (
        _call("get", way, id=memory),
        _call("history", way, id=memory),
        _call("update", way, id=memory, text=f"changed {chance.randrange(10**6)}"),
        _call("restore", way, id=memory, version=1),
        _call("forget", way, id=memory),
        _call("messages", way, id=him.id_of("session")),
        _call("send", way, text="What was said before?", reply_to=him.id_of("message")),
        _call("start_session", way, session=him.id_of("session")),
    )


def wildcards(cast: Cast, variant: int, chance: Random) -> Built:
    """Return calls with patterns in the place of a name, an id or a query."""
    pattern = ("*", "%", "_%", ".*", "", "%%", "?", "[a-z]*")[variant]
    return f"calls with the pattern {pattern!r}", (
        _call("recall", _way(variant), query=pattern),
        _call("recall", _way(variant), query=cast.victim.topic, user=pattern, limit=50),
        _call("list", _way(variant), user=pattern),
        _call("get", _way(variant), id=pattern),
        _call("forget", _way(variant), id=pattern),
        _call("search_messages", _way(variant), query=chance.choice((pattern, "secret"))),
    )


def filters(cast: Cast, variant: int, chance: Random) -> Built:
    """Return calls whose query or filter is SQL, an operator, or a filter of another system."""
    topic, number = cast.victim.topic, chance.randrange(10**4)
    query = (
        f"{topic}' OR '1'='1",
        f"'; SELECT content FROM discreet.memories; -- {number}",
        f"{topic} OR user_id:*",
        '{"$or": [{"user_id": {"$ne": ""}}]}',
        f"contact_id:{cast.victim.id_of('contact')} {topic}",
        f"\" UNION SELECT * FROM memories WHERE '{number}'='{number}",
        f"{topic} & !nothing | secret:*",
        "\\') OR TRUE --",
    )[variant]
    given: tuple[Mapping[str, Any], ...] = (
        {"OR": [{}]}, {"user_id": {"$ne": "x"}}, {"AND": []}, {"NOT": {"user_id": "x"}},
        {"user_id": {"$in": ["", None]}}, {"user_id": "x' OR 1=1 --"}, {}, {"*": "*"},
    )  # fmt: skip
    return f"calls with the query {query}", (
        _call("recall", _way(variant), query=query),
        _call("search_messages", _way(variant), query=query),
        _call("recall", _way(variant), query=topic, filter=given[variant]),
        _call("list", _way(variant), filter=given[variant]),
    )


_COMMANDS = (
    "/export {address}", "/export {contact}", "/memories {victim}", "/memories *",
    "/forget {memory}", "/link {address}", "/recall {topic}", "/sessions",
)  # fmt: skip
_MORE = ("/export", "/memories", "/start {session}", "/contacts", "/forget all", "/why", "/who",
         "/erase {victim}")  # fmt: skip


def commands(cast: Cast, variant: int, chance: Random) -> Built:
    """Return slash commands that name somebody else, or nobody."""
    one, other = (worded(line[variant], cast, chance) for line in (_COMMANDS, _MORE))
    return f"{one}, {other}", (
        AttackStep(text=one),
        AttackStep(text=other, in_group=variant % 2 == 1),
        AttackStep(text=other),
    )


def _call(operation: Operation, way: Way, **arguments: Any) -> AttackStep:
    return AttackStep(call=Call(operation, arguments, way))


def _way(variant: int) -> Way:
    return "rest" if variant % 2 else "mcp"
