"""Decisions of the owner in their chat: who is admitted, which answers are sent and calls made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from discreet.contacts.pairing import (
    decide,
    find_pairing,
    no_such_pairing,
    pairings_of_ids,
    pending_pairings,
)
from discreet.domain.errors import BadInput, NotFound
from discreet.domain.text import literal
from discreet.schemas.admission import Pairing
from discreet.scope import OwnerScope, Transaction
from discreet.services import held_answers, tool_calls
from discreet.services.held_answers import HeldAnswer
from discreet.services.own_data import record_access
from discreet.services.owner_news import CODE_CHARACTERS, code_of
from discreet.services.tool_calls import PendingCall
from discreet.turn.owner_context import OwnerReply, OwnerRequest

_CODE = re.compile(rf"[0-9a-f]{{{CODE_CHARACTERS}}}")


async def show_pairings(asked: OwnerRequest) -> OwnerReply:
    """Show who waits for approval."""
    async with asked.db.begin(OwnerScope(asked.owner_id)) as tx:
        waiting = await pending_pairings(tx)
        shown = await _contacts_of(tx, waiting)
    lines = [_request_line(item) for item in waiting]
    return OwnerReply("\n".join(lines) or "No one is waiting for approval.", shown)


def _request_line(item: Pairing) -> str:
    code = code_of(item.id)
    return (
        f"- {literal(item.label)} to {literal(item.agent)}: {literal(item.said, 200)}"
        f" /approve_{code} /deny_{code}"
    )


async def _contacts_of(tx: Transaction, found: list[Pairing]) -> tuple[UUID, ...]:
    rows = await tx.fetch(
        "SELECT contact_id FROM discreet.pairings WHERE id = ANY (%(ids)s)",
        {"ids": [item.id for item in found]},
    )
    return tuple(row["contact_id"] for row in rows)


async def admit_or_deny(asked: OwnerRequest, *, let_in: bool) -> OwnerReply:
    """Admit or deny a waiting stranger: the one named, quoted, or the only one."""
    try:
        async with asked.db.begin(OwnerScope(asked.owner_id)) as tx:
            found = await _requests(tx, asked)
            for pairing in found:
                await decide(tx, pairing, let_in=let_in)
            shown = await _contacts_of(tx, found)
    except _Undecided as undecided:
        return undecided.reply
    if not found:
        raise no_such_pairing(asked.rest)
    label, agent = literal(found[0].label), literal(found[0].agent)
    return OwnerReply(f"{label} {'may talk to' if let_in else 'may not talk to'} {agent}.", shown)


async def show_drafts(asked: OwnerRequest) -> OwnerReply:
    """Show the answers that wait for approval."""
    waiting = await held_answers.list_held_answers(asked.db, asked.owner_id)
    await record_access(asked.db, asked.owner_id, _of_drafts(waiting), "read", "chat")
    lines = [_draft_line(item) for item in waiting]
    return OwnerReply(
        "\n".join(lines) or "No answer is waiting for your approval.", _of_drafts(waiting)
    )


def _draft_line(item: HeldAnswer) -> str:
    code = code_of(item.id)
    return (
        f"- to {literal(item.whose)}: {literal(item.text, 500)}"
        f" /approve_{code} /reject_{code} /edit_{code}"
    )


def _of_drafts(found: Sequence[HeldAnswer]) -> tuple[UUID, ...]:
    return tuple(item.contact_id for item in found if item.contact_id is not None)


async def drafts_meant(asked: OwnerRequest) -> list[HeldAnswer]:
    """Return the named or quoted draft, or else the waiting ones, unless strangers are waiting."""
    code = asked.rest.partition(" ")[0].casefold()
    async with asked.db.begin(OwnerScope(asked.owner_id)) as tx:
        if _CODE.fullmatch(code):
            with suppress(NotFound):
                return [await held_answers.find_answer(tx, code)]
            return []
        replied = await tx.fetch(
            "SELECT kind, key FROM discreet.owner_notices WHERE message_id = %(id)s",
            {"id": asked.message.replies_to},
        )
        if replied:
            keys = [row["key"] for row in replied if row["kind"] == "draft"]
            return [await held_answers.find_answer(tx, key) for key in keys]
        of_strangers = asked.message.text.lstrip().startswith("/approve") and asked.rest
        waits = await pending_pairings(tx)
        if of_strangers or (waits and "approve" in asked.message.text.casefold()[:9]):
            return []
        return await held_answers.waiting_answers(tx)


async def decide_draft(asked: OwnerRequest, found: list[HeldAnswer], command: str) -> OwnerReply:
    """Approve, edit or reject an answer; ask which one if there are several."""
    if not found:
        return OwnerReply("No answer is waiting for your approval.")
    if len(found) > 1:
        lines = "\n".join(_draft_line(item) for item in found)
        return OwnerReply(f"Which one?\n{lines}", _of_drafts(found))
    [held] = found
    to, of = literal(held.whose), _of_drafts(found)
    if command == "reject":
        await held_answers.reject_answer(asked.db, asked.owner_id, str(held.id))
        return OwnerReply(f"The answer to {to} won't be sent.", of)
    text = None
    if command == "edit":
        first, _, behind = asked.rest.partition(" ")
        text = behind if _CODE.fullmatch(first.casefold()) else asked.rest
        if not text.strip():
            raise BadInput("What should be sent instead?", hint="Write it after the command.")
    if held.state == "waiting":
        await held_answers.approve_answer(asked.db, asked.owner_id, str(held.id), text=text)
    elif held.state == "rejected":
        return OwnerReply(f"The answer to {to} is already rejected.", of)
    return OwnerReply(f"Sent to {to}.", of)


class _Undecided(Exception):
    """I can't tell which request you mean, so nothing was decided."""

    def __init__(self, reply: OwnerReply) -> None:
        super().__init__()
        self.reply = reply


async def _requests(tx: Transaction, asked: OwnerRequest) -> list[Pairing]:
    """Return the request to decide: the named one, the one of the quoted notice, or the only one.

    Raises:
        _Undecided: several are waiting, and none is named.
    """
    named = asked.rest if asked.message.text.lstrip().startswith("/") else ""
    if _CODE.fullmatch(named.casefold()):
        # Decided ones too, so that a repeated command has the same answer.
        ids = await tx.fetch(
            "SELECT id FROM discreet.pairings"
            " WHERE starts_with(replace(id::text, '-', ''), %(id)s)",
            {"id": named.casefold()},
        )
        return await pairings_of_ids(tx, [row["id"] for row in ids][:1] if len(ids) == 1 else [])
    if named:
        return await find_pairing(tx, named)
    replied = await tx.fetch(
        "SELECT key FROM discreet.owner_notices WHERE kind = 'stranger' AND message_id = %(id)s",
        {"id": asked.message.replies_to},
    )
    if replied:
        return await pairings_of_ids(tx, [UUID(row["key"]) for row in replied])
    waiting = await pending_pairings(tx)
    if len(waiting) == 1:
        return waiting
    if not waiting:
        raise _Undecided(OwnerReply("No one is waiting for approval."))
    lines = "\n".join(_request_line(item) for item in waiting)
    raise _Undecided(OwnerReply(f"Which one?\n{lines}", await _contacts_of(tx, waiting)))


async def call_meant(asked: OwnerRequest) -> PendingCall | None:
    """Return the call of a tool that is named or quoted and waits for the owner."""
    code = asked.rest.partition(" ")[0].casefold()
    async with asked.db.begin(OwnerScope(asked.owner_id)) as tx:
        if not code and asked.message.replies_to is not None:
            code = await tx.value(
                "SELECT replace(key, '-', '') FROM discreet.owner_notices"
                " WHERE message_id = %(id)s AND kind = 'call'",
                {"id": asked.message.replies_to},
            )
        with suppress(NotFound, BadInput):
            return await tool_calls.find_call(tx, code or "")
    return None


async def decide_call(asked: OwnerRequest, call: PendingCall, *, is_yes: bool) -> OwnerReply:
    """Let a call of a tool be made, or refuse it."""
    answer_call = tool_calls.approve_call if is_yes else tool_calls.deny_call
    await answer_call(asked.db, asked.owner_id, str(call.id))
    of = () if call.contact_id is None else (call.contact_id,)
    done = "will be made now" if is_yes else "won't be made"
    return OwnerReply(f"The call of {literal(call.called)} for {literal(call.whose)} {done}.", of)
