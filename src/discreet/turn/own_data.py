"""Commands of senders about themselves: ``/why``, ``/who`` and ``/erase-me``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from discreet.domain.outbound import OFFLINE
from discreet.memory.embedding import bundled_embedder
from discreet.schemas import own_data as schemas
from discreet.scope import ContactScope, SharedScope, Transaction
from discreet.services import own_data
from discreet.services.context import OperationContext
from discreet.turn.forgetting import indented

__all__ = ["erase_me", "who", "why"]

MAX_SHOWN = 20
KINDS = {"memory": "What I remember", "passage": "Published by my owner", "message": "Said before"}
DONE = {
    "read": "read it",
    "searched": "found it in a search",
    "answered": "took over and answered you",
    "changed": "changed some of it",
    "exported": "exported it",
    "asked": "asked me, and I read some of it",
}
PLACES = {"terminal": "at the terminal", "dashboard": "in the dashboard", "chat": "in a chat"}


async def why(tx: Transaction) -> str:
    """Return the sources of the last answer, as text."""
    made = await own_data.explain_answer(_context(tx))
    if made.model is None:
        return "I have not answered anything here yet."
    lines = [f"My last answer was written by {_model(made.model)}."]
    if made.lines:
        lines.append(f"It was given {made.lines} messages of this conversation.")
    for kind, title in KINDS.items():
        texts = [one.text for one in made.used if one.kind == kind]
        if texts:
            lines += ["", f"{title}:", *(f"- {indented(text)}" for text in texts[:MAX_SHOWN])]
    if made.tools:
        lines += ["", f"It used these tools: {', '.join(made.tools)}."]
    if not made.used:
        lines.append("It used no memory and no published text.")
    return "\n".join(lines)


async def who(tx: Transaction, scope: ContactScope | SharedScope) -> str:
    """Return the people who read or changed the conversation, as text."""
    if isinstance(scope, SharedScope):
        return "Everyone who talks to me shares this conversation, and my owner can read it."
    listed = await own_data.list_access(_context(tx))
    if listed.items:
        lines = [
            "The person who runs me, by time (UTC):",
            *(f"- {_entry(one)}" for one in listed.items[:MAX_SHOWN]),
        ]
        if len(listed.items) > MAX_SHOWN:
            lines.append(f"- and {len(listed.items) - MAX_SHOWN} times before")
        newest = listed.items[0]
        lines.append(f"Last entry: number {newest.number}, {newest.digest[:12]}.")
    else:
        lines = ["Nobody but me has read or changed this conversation."]
    if listed.model is not None:
        lines.append(f"My answers are written by {_model(listed.model)}.")
    return "\n".join(lines)


async def erase_me(tx: Transaction, typed: str) -> str:
    """Ask for a code, or take it and decide the erasure."""
    context = _context(tx)
    if not typed:
        asked = await own_data.ask_for_erasure(context)
        return (
            "This erases everything kept here about you: your messages, my answers, what I"
            " remember, files, and what you said in groups with me. It can't be undone. /export"
            " shows it first.\n\nTo confirm, send within"
            f" {asked.minutes} minutes: /erase-me {asked.code}"
        )
    done = await own_data.confirm_erasure(context, schemas.ConfirmErasure(code=typed[:40]))
    return (
        f"You will be erased within minutes. Your receipt: {done.receipt}\n\n"
        "These stay: the receipt (when, and how many rows, not who), a keyed hash of your address"
        " for a week, backups until they are deleted, what others said about you, and the copies of"
        " this platform and of the model's provider. If you write again, I won't know you."
    )


def _entry(one: schemas.Access) -> str:
    return f"{one.noted_at:%Y-%m-%d %H:%M} {DONE[one.did]} ({PLACES[one.place]})"


def _model(name: str) -> str:
    if name == OFFLINE:
        return "rules of this program, without a model: nothing is sent to anybody for it"
    provider = name.partition(":")[0]
    return f"the model {name} (provider: {provider}), which is sent what you write"


def _context(tx: Transaction) -> OperationContext:
    @asynccontextmanager
    async def within() -> AsyncIterator[Transaction]:
        yield tx

    return OperationContext(within, within, bundled_embedder, "agent")
