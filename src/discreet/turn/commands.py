"""What senders ask of the machine rather than of the agent: no model thinks, no tool is called.

Each runs in the scope of its session, so it shows and forgets what belongs there and nothing else.
The owner, in a session of their own, has other commands: theirs would reach everybody's rows.
"""

from __future__ import annotations

from typing import assert_never

from discreet.contacts.linking import Entered, ask_to_link, enter_link_code
from discreet.contacts.pairing import decide, find_pairing, no_such_pairing, pending_pairings
from discreet.contacts.store import get_contact
from discreet.domain.database_codes import text_of_code
from discreet.domain.errors import DiscreetError
from discreet.memory.memories import Memory, forget, list_memories
from discreet.scope import ContactScope, Door, OwnerScope, Rows, SharedScope
from discreet.scope.scopes import SessionScope
from discreet.sessions.transcript import Message, messages_of_turn, said_in_scope
from discreet.turn.lease import Lease, hold

MOST_SHOWN = 100
"""Memories in one list."""
MOST_LOOKED_AT = 10_000
MOST_EXPORTED_CHARACTERS = 30_000
MOST_EXPORTED_MESSAGES = 2_000

SENDERS_HELP = """\
/new - begin a new conversation; what I remember about you stays
/memories - what I remember here
/forget WORDS - forget what holds these words; /forget all - everything
/export - what is kept here, as text
/link - you write from another account too: one conversation and one memory for both
/stop - stop what I am doing
/help - this"""
OWNERS_HELP = """\
/pairing - who asks to come in
/approve CODE, /deny CODE - let them in, or not (the code that they told you, or platform:id)
/new - begin a new conversation
/stop - stop what I am doing
/help - this"""
FOR_ONE_ONLY = (
    "That is shared by everybody here; only the person who runs me can have it forgotten."
)
NOBODYS_OWN = (
    "Here others speak too. Write /link where you talk to me alone, if you use another account as"
    " well."
)
HOW_TO_FORGET = (
    "Say what: /forget WORDS forgets every memory that holds these words, /forget all everything."
    " /memories shows what there is."
)


async def run_command(door: Door, scope: SessionScope, lease: Lease, command: str) -> str:
    """The answer to a command, which has been carried out then.

    Raises:
        LeaseLost: the turn holds its session no more; nothing was changed.
    """
    async with door.enter(scope) as rows:
        await hold(rows, lease.session_id, lease.turn_id)
        [message] = await messages_of_turn(rows, lease.turn_id)
        word, _, rest = message.text.strip().partition(" ")
        try:
            if isinstance(scope, OwnerScope):
                return await _of_owner(rows, command, rest.strip())
            return await _of_sender(rows, scope, command, rest.strip())
        except DiscreetError as error:
            # What was counted (a wrong code) is kept: this transaction commits.
            return f"{word}: {error}"


async def _of_sender(rows: Rows, scope: ContactScope | SharedScope, command: str, rest: str) -> str:
    match command:
        case "start":
            return await _greeting(rows, scope)
        case "help":
            return SENDERS_HELP
        case "new":
            return "A new conversation begins; what I remember stays."
        case "stop":
            return "Stopped."
        case "memories":
            return _listed(await list_memories(rows, MOST_SHOWN + 1))
        case "forget":
            return await _forget(rows, scope, rest)
        case "export":
            return await _export(rows)
        case "link":
            return await _link(rows, scope, rest)
        case _:
            return SENDERS_HELP


async def _of_owner(rows: Rows, command: str, rest: str) -> str:
    match command:
        case "start":
            return f"Hello! You are my owner.\n\n{OWNERS_HELP}"
        case "new":
            return "A new conversation begins."
        case "stop":
            return "Stopped."
        case "pairing":
            waiting = await pending_pairings(rows)
            lines = [f"{item.label} to {item.agent}: {item.said[:200]}" for item in waiting]
            return "\n".join(lines) or "Nobody waits to be let in."
        case "approve" | "deny":
            return await _decide(rows, rest, let_in=command == "approve")
        case _:
            return OWNERS_HELP


async def _decide(rows: Rows, who: str, *, let_in: bool) -> str:
    found = await find_pairing(rows, who)
    if not found:
        raise no_such_pairing(who)
    for pairing in found:
        await decide(rows, pairing, let_in=let_in)
    return f"{found[0].label} {'may talk to' if let_in else 'stays away from'} {found[0].agent}."


async def _greeting(rows: Rows, scope: ContactScope | SharedScope) -> str:
    agent = await rows.value(
        "SELECT name FROM discreet.agents WHERE id = %(agent)s", {"agent": scope.agent_id}
    )
    match scope:
        case SharedScope():
            private = "Everybody who talks to me shares one conversation and one memory."
        case ContactScope(contact_id=contact_id):
            contact = await get_contact(rows, contact_id)
            private = (
                "What is said in this group stays in this group."
                if contact is not None and contact.type == "group"
                else "What you tell me stays between you, me and the person who runs me."
            )
        case _:
            assert_never(scope)
    return f"Hello, I am {agent}. {private} Just write to me.\n\n{SENDERS_HELP}"


def _listed(memories: list[Memory]) -> str:
    if not memories:
        return "I remember nothing here yet."
    lines = [f"- {memory.content}" for memory in memories[:MOST_SHOWN]]
    if len(memories) > MOST_SHOWN:
        lines.append("... and more: /export has it all.")
    return "\n".join(lines)


async def _forget(rows: Rows, scope: ContactScope | SharedScope, words: str) -> str:
    if not words:
        return HOW_TO_FORGET
    if not isinstance(scope, ContactScope):
        return FOR_ONE_ONLY
    contact = await get_contact(rows, scope.contact_id)
    if contact is None or contact.type == "group":
        return FOR_ONE_ONLY
    memories = await list_memories(rows, MOST_LOOKED_AT, include_expired=True)
    if words.casefold() != "all":
        wanted = words.casefold().split()
        memories = [
            memory
            for memory in memories
            if all(word in f"{memory.content} {memory.summary}".casefold() for word in wanted)
        ]
    if not memories:
        return "I remember nothing of that kind."
    for memory in memories:
        await forget(rows, memory.id)
    what = "\n".join(f"- {memory.content}" for memory in memories[:MOST_SHOWN])
    return f"I don't remember this any more:\n{what}\n\nOur conversation stays as it is; see /new."


async def _link(rows: Rows, scope: ContactScope | SharedScope, typed: str) -> str:
    if not isinstance(scope, ContactScope):
        return NOBODYS_OWN
    if typed:
        return _after_code(await enter_link_code(rows, typed))
    code = await ask_to_link(rows)
    if code is None:
        return NOBODYS_OWN
    return (
        f"Write this to me from your other account, within ten minutes: /link {code}\n\n"
        "I answer there with a second code for you to write here. Then both accounts are one to me:"
        " whoever reads along on one of them sees what is said on the other."
    )


def _after_code(entered: Entered) -> str:
    match entered.outcome:
        case "answered":
            return (
                f"That is the code of {entered.other}. If that is you, write this from there,"
                f" within ten minutes: /link {entered.code}\n\nEverything that you told me here"
                " can be read there then. So give this code to nobody; if you did not ask for it"
                " yourself, just leave it."
            )
        case "linked":
            return (
                "Both accounts are one now: one conversation, and what I remember from either."
                " If that was a mistake, the person who runs me can undo it."
            )
        case "own":
            return "That code is for your other account: write it to me from there."
        case "wrong":
            return "That code is wrong, used or expired. For a new one: /link"
        case "locked":
            return "Too many wrong codes. Try again in an hour."
        case "nobody":
            return NOBODYS_OWN
        case code:
            why = text_of_code(code)
            return f"That can't be done: {why}. The code is good until it expires."


async def _export(rows: Rows) -> str:
    memories = await list_memories(rows, MOST_LOOKED_AT, include_expired=True)
    messages = await said_in_scope(rows, MOST_EXPORTED_MESSAGES)
    kept = [f"What I remember ({len(memories)})", *(_memory_line(memory) for memory in memories)]
    said = [_message_line(message) for message in messages]
    left = MOST_EXPORTED_CHARACTERS - sum(len(line) + 1 for line in kept)
    newest: list[str] = []
    for line in reversed(said):
        left -= len(line) + 1
        if left < 0:
            break
        newest.append(line)
    title = f"What was said ({len(newest)} messages"
    title += ")" if len(newest) == len(messages) < MOST_EXPORTED_MESSAGES else ", the newest)"
    text = "\n".join([*kept, "", title, *reversed(newest)])
    if len(text) > MOST_EXPORTED_CHARACTERS:
        text = text[:MOST_EXPORTED_CHARACTERS] + "\n... ask the person who runs me for all of it."
    return text


def _memory_line(memory: Memory) -> str:
    return f"- {memory.created_at:%Y-%m-%d} {memory.content}"


def _message_line(message: Message) -> str:
    who = "I" if message.direction == "out" else message.sender_name or message.sender_address
    return f"{message.created_at:%Y-%m-%d %H:%M} {who or 'somebody'}: {message.text}"
