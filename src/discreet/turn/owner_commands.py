"""Commands of the owner, in a session of their own: the same on any platform and at a terminal.

They call the same services as the terminal. An answer is CommonMark with other people's names and
text in code spans. Every command is idempotent: if a process dies before its answer is saved, the
next one repeats the command.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from discreet.contacts.labels import CONTACT_LABEL
from discreet.domain.amounts import ago, counted
from discreet.domain.errors import BadInput, DiscreetError, NotFound
from discreet.domain.ids import SessionId
from discreet.domain.text import literal
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.services import agents, contacts, takeover, usage
from discreet.services.contact_activity import ContactActivity
from discreet.services.own_data import record_access
from discreet.sessions.transcript import Message
from discreet.turn.connections import answer_connections
from discreet.turn.owner_approvals import (
    admit_or_deny,
    call_meant,
    decide_call,
    decide_draft,
    drafts_meant,
    show_drafts,
    show_pairings,
)
from discreet.turn.owner_context import Look, OwnerReply, OwnerRequest
from discreet.turn.reminders import answer_reminders

__all__ = ["OWNERS_HELP", "obey_owner"]

OWNERS_HELP = """\
/status - show what needs attention
/contacts - show who wrote last
/who NAME - show one contact; without a name, whom you are talking to
/takeover NAME - answer somebody in person: what you write here goes to them until /end
/end - let the agent answer them again
/block NAME, /unblock NAME - stop or allow a contact
/pause, /resume - silence your agent, or let it answer again
/usage - show what today and this week cost
/pairing - show who is waiting for approval
/approve CODE, /deny CODE - approve or deny someone (a code, or platform:id)
/drafts - show answers that wait for you; /approve, /edit or /reject one
/reminders - show your own reminders here; /reminders cancel ID
/connections - show your own accounts that I use; /connections disconnect NAME
/new - start a new conversation
/stop - stop the current answer
/help - show this help"""
MAX_CONTACTS = 15
MAX_LINES = 12
MAX_QUOTED = 300
LAST_LINES = 5


async def obey_owner(
    db: ScopedDatabase,
    scope: OwnerScope,
    session_id: SessionId,
    message: Message,
    command: str,
    look: Look,
) -> OwnerReply:
    """Carry out a command of the owner and return the answer. An error is an answer too."""
    word, rest = _split(message.text)
    if scope.agent_id is None:
        raise NotFound("This session has no agent.")
    asked = OwnerRequest(db, scope.owner_id, scope.agent_id, session_id, message, rest, look)
    try:
        return await _obey(asked, command)
    except DiscreetError as error:
        return OwnerReply(f"{literal(word)}: {literal(str(error), 600)}")


def _split(text: str) -> tuple[str, str]:
    """Return the command and its arguments; ``/approve_ab12cd`` is a command and a code."""
    word, rest = re.fullmatch(r"(\S*)\s*(.*)", text.strip(), re.DOTALL).groups()  # type: ignore[union-attr]
    if "_" in word:
        word, _, code = word.partition("_")
        rest = f"{code} {rest}"
    return word, rest.strip()


async def _obey(asked: OwnerRequest, command: str) -> OwnerReply:
    match command:
        case "start":
            return OwnerReply(f"Hello! You are my owner.\n\n{OWNERS_HELP}")
        case "new":
            return OwnerReply("New conversation started.")
        case "stop":
            return OwnerReply("Stopped.")
        case "status":
            return await _status(asked)
        case "contacts":
            return await _contacts(asked)
        case "who":
            return await _who(asked)
        case "takeover":
            return await _take_over(asked)
        case "end":
            return await _end(asked)
        case "passed" | "unsent":
            return await _passed(asked, is_sent=command == "passed")
        case "block" | "unblock":
            return await _block(asked, block=command == "block")
        case "pause" | "resume":
            return await _pause(asked, pause=command == "pause")
        case "usage":
            return await _usage(asked)
        case "pairing":
            return await show_pairings(asked)
        case "drafts":
            return await show_drafts(asked)
        case "reminders":
            return await _reminders(asked)
        case "connections":
            return await _connections(asked)
        case "approve" | "deny" if call := await call_meant(asked):
            return await decide_call(asked, call, is_yes=command == "approve")
        case "approve" if drafts := await drafts_meant(asked):
            return await decide_draft(asked, drafts, "approve")
        case "edit" | "reject":
            return await decide_draft(asked, await drafts_meant(asked), command)
        case "approve" | "deny":
            return await admit_or_deny(asked, let_in=command == "approve")
        case _:
            return OwnerReply(OWNERS_HELP)


async def _reminders(asked: OwnerRequest) -> OwnerReply:
    async with asked.db.begin(OwnerScope(asked.owner_id, asked.agent_id)) as tx:
        return OwnerReply(await answer_reminders(tx, asked.rest))


async def _connections(asked: OwnerRequest) -> OwnerReply:
    async with asked.db.begin(OwnerScope(asked.owner_id, asked.agent_id)) as tx:
        return OwnerReply(await answer_connections(tx, asked.rest))


async def _status(asked: OwnerRequest) -> OwnerReply:
    looked = await asked.look()
    found = looked.status
    lines = [
        one.shown(lambda text: literal(text, MAX_QUOTED), ago, _moment)
        + (f": {one.chat}" if one.chat else "")
        for one in looked.items
    ]
    shown = [f"- {line}" for line in lines[:MAX_LINES]] or ["Nothing needs attention."]
    if len(lines) > MAX_LINES:
        shown.append(f"- and {len(lines) - MAX_LINES} more: `sb status`")
    waiting = max(0, found.waiting.messages - 1)  # without this command
    shown.append(f"\n{waiting} unanswered, {found.counts.contacts} contacts.")
    # The names in it aren't known by id, so the answer is deleted with any contact that is erased.
    named = [
        *await _named_in_status(asked),
        *(one.contact_id for one in found.near_limits if one.contact_id is not None),
        *(one.contact_id for one in found.failing_jobs if one.contact_id is not None),
    ]
    return OwnerReply("\n".join(shown), tuple(dict.fromkeys(named)))


async def _named_in_status(asked: OwnerRequest) -> tuple[UUID, ...]:
    """Return the contacts that a status may name: failed, waiting, or in a special state."""
    async with asked.db.begin(OwnerScope(asked.owner_id)) as tx:
        found = await tx.fetch(
            "SELECT id FROM discreet.contacts c WHERE taken_over_at IS NOT NULL"
            " OR EXISTS (SELECT FROM discreet.pairings p WHERE p.contact_id = c.id)"
            " OR EXISTS (SELECT FROM discreet.person_requests r JOIN discreet.sessions s"
            "   ON s.id = r.session_id WHERE s.contact_id = c.id)"
            " OR EXISTS (SELECT FROM discreet.limit_hits h WHERE h.contact_id = c.id)"
            " UNION SELECT contact_id FROM discreet.turns"
            "  WHERE contact_id IS NOT NULL AND state IN ('failed', 'given_up', 'lost', 'running')"
            "    AND started_at > statement_timestamp() - interval '7 days'"
            " UNION SELECT contact_id FROM discreet.outbox"
            "  WHERE contact_id IS NOT NULL AND state <> 'sent' LIMIT 500"
        )
    return tuple(row["id"] for row in found)


async def _contacts(asked: OwnerRequest) -> OwnerReply:
    found = await contacts.list_recent_contacts(asked.db, asked.owner_id, limit=MAX_CONTACTS)
    lines = [_contact_line(one) for one in found]
    return OwnerReply(
        "\n".join(lines) or "Nobody has written yet.", tuple(one.contact.id for one in found)
    )


def _contact_line(one: ContactActivity) -> str:
    address = one.contact.addresses[0] if one.contact.addresses else ""
    states = f", {', '.join(one.states)}" if one.states else ""
    name = literal(one.contact.name or address)
    return f"- {name} ({literal(address)}): {_wrote(one.last_message_at)}{states}"


async def _who(asked: OwnerRequest) -> OwnerReply:
    if asked.rest:
        one = await contacts.find_contact(asked.db, asked.owner_id, asked.rest)
        lines = [
            _contact_line(one),
            *(f"- {literal(address)}" for address in one.contact.addresses[1:]),
            f"- {counted(one.messages, 'message')}, {counted(one.memories, 'memory')}",
        ]
        return OwnerReply("\n".join(lines), (one.contact.id,))
    spoken_to = await _speaks_to(asked)
    if spoken_to is not None:
        text = f"What you write here goes to {literal(spoken_to['label'])}, until /end."
        return OwnerReply(text, (spoken_to["contact_id"],))
    agent = await agents.get_agent_by_id(asked.db, asked.owner_id, asked.agent_id)
    return OwnerReply(f"You are the owner, and you are talking to {literal(agent.name)}.")


async def _take_over(asked: OwnerRequest) -> OwnerReply:
    if not asked.rest:
        raise BadInput("Whom?", hint="Write a name: /takeover Anna. See /contacts.")
    agent = await agents.get_agent_by_id(asked.db, asked.owner_id, asked.agent_id)
    if agent.memory_model == "shared":
        raise BadInput(
            "Everybody can read what is written to this agent.", hint="At the terminal: sb takeover"
        )
    contact = await takeover.take_over(
        asked.db, asked.owner_id, asked.rest, session_id=asked.session_id
    )
    await record_access(asked.db, asked.owner_id, [contact.id], "answered", "chat")
    said = await takeover.lines_after(
        asked.db, asked.owner_id, contact.id, after=None, limit=LAST_LINES
    )
    lines = [f"- {literal(line.speaker)}: {literal(line.text, 500)}" for line in said]
    return OwnerReply(
        f"You now answer {literal(contact.label)} in person, and the agent is silent there. What"
        " you write here goes to them, until /end.\n\n" + "\n".join(lines),
        (contact.id,),
    )


async def _end(asked: OwnerRequest) -> OwnerReply:
    spoken_to = await _speaks_to(asked)
    if spoken_to is None and not asked.rest:
        return OwnerReply("You are not answering anybody in person here.")
    who = asked.rest or str(spoken_to and spoken_to["contact_id"])
    contact = await takeover.hand_back(asked.db, asked.owner_id, who)
    return OwnerReply(f"The agent answers {literal(contact.label)} again.", (contact.id,))


async def _passed(asked: OwnerRequest, *, is_sent: bool) -> OwnerReply:
    """Say to whom a line was sent, or that it wasn't."""
    spoken_to = await _speaks_to(asked)
    label = literal(spoken_to["label"]) if spoken_to else "anybody"
    of = (spoken_to["contact_id"],) if spoken_to else ()
    if is_sent:
        return OwnerReply(f"To {label}.", of)
    if spoken_to is not None and not spoken_to["taken_over"]:
        async with asked.db.begin(OwnerScope(asked.owner_id)) as tx:
            await tx.execute(
                "UPDATE discreet.sessions SET takeover_contact_id = NULL WHERE id = %(session)s",
                {"session": asked.session_id},
            )
        return OwnerReply(
            f"Not sent: the agent answers {label} again. Your next message is for the agent.", of
        )
    return OwnerReply(
        f"Not sent to {label}: only new text is forwarded, no commands, files or edits. To stop:"
        " /end",
        of,
    )


async def _block(asked: OwnerRequest, *, block: bool) -> OwnerReply:
    if not asked.rest:
        raise BadInput("Whom?", hint="Write a name. See /contacts.")
    act = contacts.block_contact if block else contacts.unblock_contact
    entry = await act(asked.db, asked.owner_id, asked.rest)
    text = "is blocked" if block else "is no longer blocked"
    return OwnerReply(f"{literal(entry.contact.label)} {text}.", (entry.contact.id,))


async def _pause(asked: OwnerRequest, *, pause: bool) -> OwnerReply:
    name = asked.rest
    if not name:
        name = (await agents.get_agent_by_id(asked.db, asked.owner_id, asked.agent_id)).name
    act = agents.pause_agent if pause else agents.resume_agent
    agent = await act(asked.db, asked.owner_id, name)
    return OwnerReply(
        f"{literal(agent.name)} is paused. Messages wait until /resume."
        if pause
        else f"{literal(agent.name)} answers again."
    )


async def _usage(asked: OwnerRequest) -> OwnerReply:
    days = (await usage.get_usage(asked.db, asked.owner_id, "day", 7)).items
    return OwnerReply(f"Today: {_used(days[-1:])}\nLast 7 days: {_used(days)}")


def _used(lines: list[usage.UsageLine]) -> str:
    tokens = sum(line.input_tokens + line.output_tokens for line in lines)
    turns, cost = sum(line.turns for line in lines), sum(line.cost for line in lines)
    return f"{turns} turns, {tokens:,} tokens, ${cost:.2f}"


async def _speaks_to(asked: OwnerRequest) -> dict[str, Any] | None:
    async with asked.db.begin(OwnerScope(asked.owner_id)) as tx:
        return await tx.fetch_one(
            f"""SELECT t.contact_id, {CONTACT_LABEL.format(row="t")} AS label,
                       c.taken_over_at IS NOT NULL AS taken_over
                  FROM (SELECT takeover_contact_id AS contact_id FROM discreet.sessions
                         WHERE id = %(session)s AND takeover_contact_id IS NOT NULL) t
                  JOIN discreet.contacts c ON c.id = t.contact_id""",
            {"session": asked.session_id},
        )


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _wrote(at: datetime | None) -> str:
    return "never wrote" if at is None else ago(at)
