"""Decide whom a turn may reach, given the rows it has read. Pure.

A turn knows whose rows its prompt and its tool results held. Everything that leaves it is made into
a ``Released``, which only this module constructs, after asking ``may_reach``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, LiteralString, assert_never
from uuid import UUID

from discreet.domain.canaries import check_leaving
from discreet.domain.errors import ScopeError

__all__ = [
    "OTHERS_READ",
    "SOMEBODY",
    "Audience",
    "Destination",
    "IntoScope",
    "NeedsYes",
    "Released",
    "ToConversation",
    "ToTool",
    "ToUrl",
    "Verdict",
    "Withheld",
    "Yes",
    "may_reach",
    "release_content",
    "release_notice",
]

OTHERS_READ = "This turn must not reach anybody there with what it has read."
"""The reason if a contact's turn holds rows of others: a policy has failed."""
SOMEBODY = UUID(int=0)
"""Represents, in ``Audience.read``, a contact that was erased or isn't known."""
CODE_CHARACTERS = 8

Verdict = Literal["yes", "ask", "no"]
"""``ask``: only with the owner's yes to this content and this destination."""


@dataclass(frozen=True, slots=True)
class Audience:
    """The audience of a turn.

    ``kind``: whose session it is; a group is a contact. ``party``: the id of that contact, of the
    owner, or of the agent that shares its memory. ``read``: the contacts whose rows the turn has
    read, its own party left out or not.
    """

    kind: Literal["contact", "shared", "owner"]
    party: UUID
    read: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class ToConversation:
    """A message, a draft, an edit or a file in the conversation with ``party``."""

    party: UUID


@dataclass(frozen=True, slots=True)
class IntoScope:
    """A memory, a summary or a reminder that is stored for ``party``."""

    party: UUID


@dataclass(frozen=True, slots=True)
class ToUrl:
    """A URL that somebody can follow, or that a platform may fetch."""

    url: str


@dataclass(frozen=True, slots=True)
class ToTool:
    """A tool that hands its arguments to a program outside of the installation."""

    tool: str


Destination = ToConversation | IntoScope | ToUrl | ToTool


@dataclass(frozen=True, slots=True)
class Yes:
    """The owner's yes to one content at one destination. ``code``: what the owner repeats."""

    code: str

    @classmethod
    def to(cls, destination: Destination, content: str) -> Yes:
        """Return the yes that this content needs to reach this destination."""
        named = "\0".join((type(destination).__name__, *_parts(destination), content))
        return cls(hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()[:CODE_CHARACTERS])


class Withheld(ScopeError):
    """The content must not reach its destination."""


class NeedsYes(Withheld):
    """It may reach it only with the owner's yes, which ``yes`` stands for."""

    def __init__(self, yes: Yes) -> None:
        super().__init__(
            "This turn has read a contact's words, so this needs the owner's approval.",
            hint=f"To allow exactly this, the owner writes: yes {yes.code}",
        )
        self.yes = yes


_WAYS: dict[type[Destination], str] = {
    ToConversation: "answer",
    IntoScope: "memory or summary",
    ToUrl: "link",
    ToTool: "call of a tool",
}
_KEY = object()


@dataclass(frozen=True, slots=True)
class Released:
    """Content that may leave, and where to. Only functions of this module make one."""

    text: str
    destination: Destination | None
    _key: object

    def __post_init__(self) -> None:
        """Refuse one that somebody else made.

        Raises:
            Withheld: it didn't come from this module.
        """
        if self._key is not _KEY:
            raise Withheld("Nothing leaves without a check of its audience.")


def may_reach(audience: Audience, destination: Destination) -> Verdict:
    """Return whether a turn with this audience may reach the destination.

    A contact's turn holds rows of that contact alone, by construction. If it holds others, a policy
    has failed, and nothing leaves.
    """
    match audience.kind:
        case "contact" | "shared":
            if audience.read - {audience.party}:
                return "no"
            match destination:
                case ToConversation(party) | IntoScope(party):
                    return "yes" if party == audience.party else "no"
                case ToUrl() | ToTool():
                    return "yes"
                case _:
                    assert_never(destination)
        case "owner":
            match destination:
                case ToConversation(party) | IntoScope(party):
                    return "yes" if party == audience.party else "ask"
                case ToUrl() | ToTool():
                    return "ask" if audience.read else "yes"
                case _:
                    assert_never(destination)
        case _:
            assert_never(audience.kind)


def release_content(
    audience: Audience, destination: Destination, content: str, said: frozenset[Yes] = frozenset()
) -> Released:
    """Return the content as one that may leave. ``said``: what the owner has said yes to.

    Raises:
        NeedsYes: only with a yes that the owner hasn't given.
        Withheld: it must not reach it at all.
        CanaryFound: it holds a decoy's secret.
    """
    check_leaving(content, _WAYS[type(destination)])
    match may_reach(audience, destination):
        case "yes":
            return Released(content, destination, _KEY)
        case "ask":
            needed = Yes.to(destination, content)
            if needed not in said:
                raise NeedsYes(needed)
            return Released(content, destination, _KEY)
        case "no":
            raise Withheld(OTHERS_READ)


def release_notice(text: LiteralString) -> Released:
    """Return a text of the program itself, which quotes nobody."""
    return Released(text, None, _KEY)


def _parts(destination: Destination) -> tuple[str, ...]:
    match destination:
        case ToConversation(party) | IntoScope(party):
            return (str(party),)
        case ToUrl(url):
            return (url,)
        case ToTool(tool):
            return (tool,)
        case _:
            assert_never(destination)
