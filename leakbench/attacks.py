"""Families of attack on what a memory layer keeps for several people. Tuned to no system.

Two people write to one agent: the victim, whose secret is kept, and the attacker, who calls whatever
the layer offers. Each attack is tried on a fresh system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

ATTACKER, VICTIM = "alice", "bob"
SECRET = "the heron sleeps in the bath"
FORGED = "the heron was sold"
QUERY = "where does the heron sleep"

Fate = Literal["leaked", "held", "not offered", "error"]


class NotOffered(Exception):
    """The system has no such call."""


class Person:
    """What one person can call. A system's adapter overrides what the system offers.

    ``said``: the exact calls, for the table. Texts are returned as the system stores them.
    """

    said: list[str]

    def remember(self, text: str) -> str:
        """Store a text and return its id."""
        raise NotOffered

    def recall(self, query: Any) -> list[str]:
        """Search and return texts."""
        raise NotOffered

    def everything(self) -> list[str]:
        """List all texts."""
        raise NotOffered

    def get(self, memory_id: str) -> str:
        """Return one text."""
        raise NotOffered

    def update(self, memory_id: str, text: str) -> None:
        """Change one text."""
        raise NotOffered

    def forget(self, memory_id: str) -> None:
        """Delete one text."""
        raise NotOffered

    def history(self, memory_id: str) -> list[str]:
        """Return older versions."""
        raise NotOffered


class System:
    """A memory layer. ``says``: what it doesn't claim to do, in its own documentation's words."""

    name = ""
    says = ""
    fixes_identity = False
    """Whether the caller can't name whose memory it wants: a token or a database decides."""

    def person(self, who: Any) -> Person:
        """Return what somebody with this identity can call."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one family of attack."""

    family: str
    fate: Fate
    call: str = ""
    detail: str = ""


Open = Callable[[], System]


def run(open_system: Open) -> list[Outcome]:
    """Return the outcome of every family; the first one is a control that must not hold."""
    return [_outcome(family, attack, open_system) for family, attack in FAMILIES.items()]


def _outcome(family: str, attack: Callable[[System], Iterator[Outcome]], make: Open) -> Outcome:
    system = make()
    worst = Outcome(family, "not offered")
    try:
        for found in attack(system):
            if found.fate == "leaked":
                return found
            if worst.fate in ("not offered", "error"):
                worst = found
    except NotOffered:
        pass
    except Exception as error:
        worst = Outcome(family, "error", detail=f"{type(error).__name__}: {error}"[:200])
    finally:
        system.close()
    return worst


def _tried(
    family: str, person: Person, call: Callable[[], Any], leaks: Callable[[Any], bool]
) -> Outcome:
    """Make one call and judge it. An error is a refusal."""
    person.said.clear()
    try:
        fate: Fate = "leaked" if leaks(call()) else "held"
        return Outcome(family, fate, "; ".join(person.said))
    except NotOffered:
        return Outcome(family, "not offered")
    except Exception as error:
        return Outcome(
            family, "held", "; ".join(person.said), f"{type(error).__name__}: {error}"[:120]
        )


def _shows(found: Any) -> bool:
    return SECRET in str(found)


def _secret_of(system: System, who: Any = VICTIM) -> tuple[Person, str]:
    victim = system.person(who)
    return victim, victim.remember(SECRET)


def control(system: System) -> Iterator[Outcome]:
    """The victim finds the secret; else the system doesn't work here."""
    victim, _ = _secret_of(system)
    yield _tried("control: own words are found", victim, lambda: victim.recall(QUERY), _shows)
    yield _tried("control: own words are found", victim, victim.everything, _shows)


def control_of_changes(system: System) -> Iterator[Outcome]:
    """The victim changes and deletes a row; else a refusal elsewhere means nothing."""
    family = "control: own row is changed"
    victim, made = _secret_of(system)

    def change() -> bool:
        try:
            victim.update(made, FORGED)
        except NotOffered:
            victim.forget(made)
        return not _shows(_all_of(victim))

    yield _tried(family, victim, change, bool)


def search(system: System) -> Iterator[Outcome]:
    """Search for the victim's words."""
    _secret_of(system)
    attacker = system.person(ATTACKER)
    for query in (QUERY, SECRET, "*", "", "%", f"{VICTIM}"):
        yield _tried(
            "search with another's words", attacker, lambda q=query: attacker.recall(q), _shows
        )


def listing(system: System) -> Iterator[Outcome]:
    """List everything."""
    _secret_of(system)
    attacker = system.person(ATTACKER)
    yield _tried("list all", attacker, attacker.everything, _shows)


def reading(system: System) -> Iterator[Outcome]:
    """Read the victim's row by its id."""
    _, made = _secret_of(system)
    attacker = system.person(ATTACKER)
    yield _tried("get by another's id", attacker, lambda: attacker.get(made), _shows)


def older(system: System) -> Iterator[Outcome]:
    """Read the history of the victim's row by its id."""
    victim, made = _secret_of(system)
    try:
        victim.update(made, SECRET + " now")
    except NotOffered:
        pass
    attacker = system.person(ATTACKER)
    yield _tried("history by another's id", attacker, lambda: attacker.history(made), _shows)


def changing(system: System) -> Iterator[Outcome]:
    """Change the victim's row by its id."""
    victim, made = _secret_of(system)
    attacker = system.person(ATTACKER)

    def change() -> bool:
        attacker.update(made, FORGED)
        return not _shows(_all_of(victim))

    yield _tried("update by another's id", attacker, change, bool)


def deleting(system: System) -> Iterator[Outcome]:
    """Delete the victim's row by its id."""
    victim, made = _secret_of(system)
    attacker = system.person(ATTACKER)

    def delete() -> bool:
        attacker.forget(made)
        return not _shows(_all_of(victim))

    yield _tried("delete by another's id", attacker, delete, bool)


def _all_of(person: Person) -> list[str]:
    try:
        return person.everything()
    except NotOffered:
        return person.recall(QUERY)


SCOPES: tuple[Any, ...] = (
    "*", "%", "_", ".*", "b*", "bo%", "b_b", "bob*", "", " ", None, [], {}, True, 0, ["bob"],
    {"$ne": ""}, {"ne": ""}, {"$exists": True}, "BOB", "bob ", "bob\0", "\u0432ob", "../bob", "alice/../bob",
    "bob' OR '1'='1", "alice OR bob", "AND", "OR", "NOT",
)  # fmt: skip


def scope_values(system: System) -> Iterator[Outcome]:
    """Be somebody with an odd name: a wildcard, nothing, another type, a variant of the victim's."""
    _secret_of(system)
    for scope in SCOPES:
        yield from _as_somebody(system, "odd identity", scope)


PAIRS = (
    ("1", "10"), ("20", "2"), ("john", "john.doe"), ("max-doe", "max_doe"), ("eve", "eve:doe"),
    ("tom_doe", "tom:doe"), ("a", "ab"), ("telegram_7", "telegram:7"), ("Ida", "ida"),
)  # fmt: skip
"""Who asks, and whose memory is looked for. No name is used twice."""


def prefixes(system: System) -> Iterator[Outcome]:
    """Be somebody whose name begins like the victim's, or looks like it once it is cleaned up."""
    family = "prefix or look-alike of a name"
    for number, (mine, theirs) in enumerate(PAIRS):
        secret = f"{SECRET} number {number}."
        try:
            system.person(theirs).remember(secret)
        except NotOffered:
            raise
        except Exception as error:
            yield Outcome(family, "held", detail=f"{theirs!r} is refused: {error}"[:120])
            continue
        yield from _as_somebody(system, family, mine, secret)


def _as_somebody(
    system: System, family: str, scope: Any, secret: str = SECRET
) -> Iterator[Outcome]:
    def shows(found: Any) -> bool:
        return secret in str(found)

    try:
        attacker = system.person(scope)
    except NotOffered:
        yield Outcome(family, "not offered")
        return
    except Exception as error:
        yield Outcome(
            family, "held", f"identity {scope!r}", f"{type(error).__name__}: {error}"[:120]
        )
        return
    yield _tried(family, attacker, lambda: attacker.recall(QUERY), shows)
    yield _tried(family, attacker, attacker.everything, shows)


FILTERS: tuple[Any, ...] = (
    "* OR user_id:bob", "' OR '1'='1", "heron'; SELECT * FROM memories --", '{"user_id": "bob"}', {"user_id": "bob"},
    {"OR": [{"user_id": "bob"}, {"user_id": "alice"}]}, {"NOT": [{"user_id": "alice"}]}, ["bob"],
)  # fmt: skip


def filters(system: System) -> Iterator[Outcome]:
    """Hand a filter in where a query belongs."""
    _secret_of(system)
    attacker = system.person(ATTACKER)
    for query in FILTERS:
        yield _tried(
            "filter in place of a query", attacker, lambda q=query: attacker.recall(q), _shows
        )


FAMILIES: dict[str, Callable[[System], Iterator[Outcome]]] = {
    "control: own words are found": control,
    "control: own row is changed": control_of_changes,
    "search with another's words": search,
    "list all": listing,
    "get by another's id": reading,
    "history by another's id": older,
    "update by another's id": changing,
    "delete by another's id": deleting,
    "odd identity": scope_values,
    "prefix or look-alike of a name": prefixes,
    "filter in place of a query": filters,
}
