"""What a turn has read: whose rows, and the owner's own links. All that leaves it asks here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from discreet.domain.audience import (
    SOMEBODY,
    Audience,
    IntoScope,
    NeedsYes,
    Released,
    ToConversation,
    ToTool,
    ToUrl,
    Yes,
    may_reach,
    release_content,
)
from discreet.domain.ids import SessionId, TurnId
from discreet.domain.links import links_in, without_links
from discreet.domain.text import literal
from discreet.scope import ContactScope, OwnerScope, SharedScope, Transaction
from discreet.scope.scopes import SessionScope
from discreet.turn.context import OWNER, Found, TurnContext

__all__ = ["Reading", "note_what_was_read", "of_contacts", "record_what_was_read"]

MAX_SHOWN_ARGUMENTS = 1_500
_SAID_YES = re.compile(r"(?<!\w)/?yes[ _]+([0-9a-f]{8})(?!\w)", re.IGNORECASE)

# What an earlier turn has read is in its answers, in what it remembered, and in what it told.
_READ_BEFORE = """
SELECT unnest(t.read) AS contact_id FROM discreet.turns t
 WHERE t.session_id = %(session)s AND t.read <> '{}'
   AND (t.model IS NULL OR t.model NOT LIKE '/%%')
 UNION
SELECT unnest(t.read) FROM discreet.memories m JOIN discreet.turns t ON t.id = m.turn_id
 WHERE m.id = ANY (%(rows)s) AND m.contact_id IS NULL
 UNION
SELECT unnest(t.read) FROM discreet.messages m JOIN discreet.turns t ON t.id = m.turn_id
 WHERE m.id = ANY (%(rows)s)
 UNION
SELECT n.contact_id FROM discreet.owner_notices n
 WHERE n.message_id = ANY (%(rows)s) AND n.contact_id IS NOT NULL
"""


@dataclass(slots=True)
class Reading:
    """The rows that one turn has read so far.

    ``links``: those in the owner's own words and in the texts that the owner published. ``said``:
    what the owner has said yes to. ``asked``: what needs a yes, as it is shown to the owner.
    """

    kind: str
    party: UUID
    contacts: set[UUID] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    said: frozenset[Yes] = frozenset()
    asked: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, scope: SessionScope) -> Reading:
        """Return that of a turn in this scope which has read nothing yet."""
        match scope:
            case ContactScope():
                return cls("contact", scope.contact_id)
            case SharedScope():
                return cls("shared", scope.agent_id)
            case OwnerScope():
                return cls("owner", scope.owner_id)

    @classmethod
    def unknown(cls, scope: SessionScope) -> Reading:
        """Return that of a turn that noted nothing: an owner's may have read anybody's rows."""
        reading = cls.of(scope)
        if isinstance(scope, OwnerScope):
            reading.contacts.add(SOMEBODY)
        return reading

    @property
    def audience(self) -> Audience:
        """Its audience."""
        return Audience(self.kind, self.party, frozenset(self.contacts))  # type: ignore[arg-type]

    def note(self, found: Iterable[Found]) -> None:
        """Note what a search found."""
        for one in found:
            if one.contact_id is not None:
                self.contacts.add(one.contact_id)
            if one.kind == "passage" and self.kind == "owner":
                self.links.update(links_in(f"{one.title}\n{one.text}"))

    def begin(self, context: TurnContext) -> None:
        """Note the owner's own words, and what they say yes to."""
        if self.kind != "owner":
            return
        agent = context.agent
        own = [agent.role, agent.instructions]
        for line in (*context.history, *context.waiting):
            if line.speaker == OWNER and line.forwarded is None:
                own.append(line.text if line.words is None else line.words)
        for text in own:
            self.links.update(links_in(text))
        self.said = frozenset(
            Yes(code.lower())
            for line in context.waiting
            if line.speaker == OWNER and line.forwarded is None
            for code in _SAID_YES.findall(line.text if line.words is None else line.words)
        )

    def answer(self, text: str) -> Released:
        """Return a text to say in the turn's own conversation.

        Links that may not be followed are broken visibly.

        Raises:
            Withheld: the turn must not reach anybody.
        """
        audience = self.audience
        if self._may_not_link(audience):
            text = without_links(text, self.links)
        return release_content(audience, ToConversation(self.party), text)

    def final(self, text: str) -> Released:
        """Return the whole answer, followed by the calls that need the owner's approval.

        Raises:
            Withheld: the turn must not reach anybody.
        """
        released = self.answer(text)
        if not self.asked:
            return released
        shown = "\n".join(self.asked.values())
        return release_content(
            self.audience, ToConversation(self.party), f"{released.text}\n\n{without_links(shown)}"
        )

    def keep(self, text: str) -> Released:
        """Return a text to store in the turn's own scope.

        Raises:
            Withheld: the turn must not store anything.
        """
        return release_content(self.audience, IntoScope(self.party), text)

    def remind(self, text: str) -> Released:
        """Return the text of a reminder, which is said later in the turn's own conversation.

        It is said without a turn, so links that may not be followed are broken now.

        Raises:
            Withheld: the turn must not store anything.
        """
        if self._may_not_link(self.audience):
            text = without_links(text, self.links)
        return self.keep(text)

    def change(self, party: UUID, tool: str, arguments: Mapping[str, Any]) -> Released:
        """Return a change to a row that belongs to ``party``, and ask the owner if needed.

        Raises:
            NeedsYes, Withheld: as for ``release_content``.
        """
        return self._release(IntoScope(party), tool, arguments)

    def call(self, tool: str, arguments: Mapping[str, Any]) -> Released:
        """Return the arguments of a tool that is run outside of the installation, likewise.

        Raises:
            NeedsYes, Withheld: as for ``release_content``.
        """
        return self._release(ToTool(tool), tool, arguments)

    def _release(
        self, destination: IntoScope | ToTool, tool: str, arguments: Mapping[str, Any]
    ) -> Released:
        content = json.dumps([tool, arguments], sort_keys=True, default=str, ensure_ascii=False)
        try:
            return release_content(self.audience, destination, content, self.said)
        except NeedsYes as needed:
            given = json.dumps(arguments, sort_keys=True, default=str, ensure_ascii=False)
            whose = ""
            if isinstance(destination, IntoScope):
                whose = f" on a memory of contact `{destination.party}`"
            self.asked[needed.yes.code] = (
                f"Needs your approval: {literal(tool)}{whose} with"
                f" {literal(given, MAX_SHOWN_ARGUMENTS)}."
                f" To allow exactly this, write: yes {needed.yes.code}"
            )
            raise

    def _may_not_link(self, audience: Audience) -> bool:
        return may_reach(audience, ToUrl("")) != "yes"


def of_contacts(found: Iterable[Found]) -> set[UUID]:
    """Return the contacts whose rows were found."""
    return {one.contact_id for one in found if one.contact_id is not None}


async def note_what_was_read(
    tx: Transaction,
    reading: Reading,
    session_id: SessionId,
    turn_id: TurnId,
    found: Iterable[Found],
    replied_to: Iterable[UUID] = (),
) -> None:
    """Note what a search found, also by way of earlier turns, and record it with the turn."""
    found = list(found)
    reading.note(found)
    if not isinstance(tx.scope, OwnerScope):
        return
    rows = [one.id for one in found if one.id is not None and one.kind != "passage"]
    before = await tx.fetch(_READ_BEFORE, {"session": session_id, "rows": [*rows, *replied_to]})
    reading.contacts.update(row["contact_id"] for row in before)
    await record_what_was_read(tx, reading, turn_id)


async def record_what_was_read(tx: Transaction, reading: Reading, turn_id: TurnId) -> None:
    """Record with an owner's turn whose rows it has read so far."""
    if not reading.contacts:
        return  # as the row begins; what an earlier attempt noted is kept
    await tx.execute(
        "UPDATE discreet.turns SET read = %(read)s WHERE id = %(turn)s AND read <> %(read)s",
        {"read": sorted(reading.contacts), "turn": turn_id},
    )
