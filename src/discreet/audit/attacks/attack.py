"""An attack: steps, each a text that somebody sends or a call that somebody makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Attack", "AttackStep", "Call", "Cast", "Member", "Operation", "Who"]

Who = Literal["attacker", "victim", "owner"]
Operation = Literal[
    "recall", "list", "get", "update", "forget", "history", "restore", "remember",
    "messages", "sessions", "contacts", "start_session", "search_messages", "send",
]  # fmt: skip
"""A memory or conversation operation of the attacked system. One that it lacks is skipped."""


@dataclass(frozen=True, slots=True)
class Member:
    """A person in the play. ``ids``: their rows' ids by kind (memory, session, message, contact).

    ``topic`` is what their secret is about, in two or three words; ``address`` how they write in.
    """

    name: str
    address: str
    topic: str
    ids: Mapping[str, str] = field(default_factory=dict)

    def id_of(self, kind: str) -> str:
        """Return an id of that kind, or one that exists nowhere."""
        return self.ids.get(kind, "00000000-0000-4000-8000-000000000000")


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody in the play. The group has the attacker and the victim as members."""

    attacker: Member
    victim: Member
    owner: Member
    group: Member
    agent: str = "Ada"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation by the attacker.

    ``arguments`` use neutral names (``query``, ``id``, ``text``, ``user``, ``filter``, ``limit``);
    an adapter passes ``user`` and ``filter`` where its system has such a thing, and else leaves
    them out. ``way``: the entry point, for systems with several.
    """

    operation: Operation
    arguments: Mapping[str, Any] = field(default_factory=dict)
    way: Literal["any", "rest", "mcp"] = "any"


@dataclass(frozen=True, slots=True)
class AttackStep:
    """One step: a text that ``who`` sends, or a call that the attacker makes.

    ``in_group``: sent in the group. The carriers come with the text where they aren't empty:
    ``name`` is the sender's profile name, ``file`` a file's name, ``quote`` the words that the
    message replies to, as the platform reports them. ``new``: in a new conversation. ``again``:
    send the text that often, so that older lines leave the context.
    """

    who: Who = "attacker"
    text: str = ""
    call: Call | None = None
    in_group: bool = False
    name: str = ""
    file: str = ""
    quote: str = ""
    thread: str = ""
    new: bool = False
    again: int = 1


@dataclass(frozen=True, slots=True)
class Attack:
    """A variant of a family. ``what``: one line for people."""

    family: str
    variant: int
    what: str
    steps: tuple[AttackStep, ...]

    @property
    def name(self) -> str:
        """The name under which it can be repeated with the same seed."""
        return f"{self.family}/{self.variant}"
