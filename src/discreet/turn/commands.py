"""Commands of senders and of the owner. No model runs and no tool is called.

Each runs in the scope of its session, so it shows and forgets what belongs there and nothing else.
The owner, in a session of their own, has other commands (``owner_commands``): theirs would reach
everybody's rows.
"""

from __future__ import annotations

from typing import assert_never

from discreet.contacts.linking import Entered, create_link_code, redeem_link_code
from discreet.contacts.store import get_contact
from discreet.contacts.time_zones import set_time_zone
from discreet.domain.database_codes import text_of_code
from discreet.domain.errors import DiscreetError
from discreet.domain.opt_out import opt_out_reply
from discreet.domain.time_zones import checked_zone
from discreet.memory.memories import Memory, list_memories
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase, SharedScope, Transaction
from discreet.scope.scopes import SessionScope
from discreet.sessions.transcript import Message, messages_of_turn, said_in_scope
from discreet.turn import own_data
from discreet.turn.connections import answer_connections
from discreet.turn.forgetting import MAX_LOOKED_AT, MAX_SHOWN, forget_words, indented, undo
from discreet.turn.handover import ask_for_person
from discreet.turn.lease import Lease, hold
from discreet.turn.owner_commands import obey_owner
from discreet.turn.owner_context import Look, OwnerReply
from discreet.turn.reminders import answer_reminders

MAX_EXPORTED_CHARACTERS = 30_000
MAX_EXPORTED_MESSAGES = 2_000

SENDERS_HELP = """\
/new - start a new conversation (I keep my memories)
/memories - show what I remember
/forget WORDS - forget the memory with these words; /forget all - forget everything
/undo - take back what you last had me remember or forget, for 24 hours
/export - show everything kept here, as text
/link - link another account of yours: one conversation and memory for both
/timezone NAME - say where you are, like Europe/Berlin
/reminders - show my reminders here; /reminders cancel ID
/connections - show accounts of yours that I use; /connections disconnect NAME
/why - show what my last answer is based on
/who - show who besides me read this, and which model answers
/erase-me - erase everything about you
/human WORDS - ask for the person who runs me
/stop - stop the current answer
/help - show this help"""
NOT_PERSONAL = (
    "Other people write here too. To link another account, send /link in a direct chat with me."
)


async def run_command(
    db: ScopedDatabase, scope: SessionScope, lease: Lease, command: str, look: Look
) -> OwnerReply:
    """Carry out a command and return its answer.

    Raises:
        LeaseLost: the turn no longer holds its session; nothing was changed.
    """
    async with db.begin(scope) as tx:
        await hold(tx, lease.session_id, lease.turn_id)
        [message] = await messages_of_turn(tx, lease.turn_id)
        if not isinstance(scope, OwnerScope):
            return OwnerReply(await _obey_sender(tx, scope, lease, command, message.text))
    return await obey_owner(db, scope, lease.session_id, message, command, look)


async def _obey_sender(
    tx: Transaction, scope: ContactScope | SharedScope, lease: Lease, command: str, text: str
) -> str:
    word, _, rest = text.strip().partition(" ")
    try:
        return await _of_sender(tx, scope, lease, command, rest.strip(), text)
    except DiscreetError as error:
        # A counted wrong code must be stored, so this transaction commits.
        return f"{word}: {error}"


async def _of_sender(
    tx: Transaction,
    scope: ContactScope | SharedScope,
    lease: Lease,
    command: str,
    rest: str,
    text: str,
) -> str:
    match command:
        case "start":
            return await _greeting(tx, scope)
        case "help":
            return SENDERS_HELP
        case "new":
            return "New conversation started. I keep my memories."
        case "stop":
            return "Stopped."
        case "memories":
            return _listed(await list_memories(tx, MAX_SHOWN + 1))
        case "forget":
            return await forget_words(tx, scope, lease.session_id, rest)
        case "undo":
            return await undo(tx, scope)
        case "export":
            return await _export(tx)
        case "link":
            return await _link(tx, scope, rest)
        case "human":
            asked = await ask_for_person(tx, lease.session_id, lease.turn_id, rest)
            return asked.text
        case "reminders":
            return await answer_reminders(tx, rest)
        case "connections":
            return await _connections(tx, scope, rest)
        case "why":
            return await own_data.why(tx)
        case "who":
            return await own_data.who(tx, scope)
        case "erase-me":
            return await own_data.erase_me(tx, rest)
        case "opt_out" | "opt_in":
            return opt_out_reply(text, stopped=command == "opt_out")
        case "timezone":
            return await _time_zone(tx, scope, rest)
        case _:
            return SENDERS_HELP


async def _greeting(tx: Transaction, scope: ContactScope | SharedScope) -> str:
    agent = await tx.value(
        "SELECT name FROM discreet.agents WHERE id = %(agent)s", {"agent": scope.agent_id}
    )
    match scope:
        case SharedScope():
            private = "Everyone who talks to me shares one conversation and one memory."
        case ContactScope(contact_id=contact_id):
            contact = await get_contact(tx, contact_id)
            private = (
                "What is said in this group stays in this group."
                if contact is not None and contact.type == "group"
                else "What you tell me stays between you, me and the person who runs me."
            )
        case _:
            assert_never(scope)
    return f"Hello, I am {agent}. {private} Just write to me.\n\n{SENDERS_HELP}"


async def _connections(tx: Transaction, scope: ContactScope | SharedScope, rest: str) -> str:
    if not isinstance(scope, ContactScope):
        return "Everyone here shares this agent, so it uses nobody's accounts."
    return await answer_connections(tx, rest)


def _listed(memories: list[Memory]) -> str:
    if not memories:
        return "I remember nothing here yet."
    lines = [f"- {indented(memory.content)}" for memory in memories[:MAX_SHOWN]]
    if len(memories) > MAX_SHOWN:
        lines.append("... and more; /export shows them all.")
    return "\n".join(lines)


async def _time_zone(tx: Transaction, scope: ContactScope | SharedScope, zone: str) -> str:
    if not isinstance(scope, ContactScope):
        return "Everyone here shares one time zone; only my owner can change it."
    if not zone:
        return "Write it like this: /timezone Europe/Berlin"
    zone = checked_zone(zone)
    await set_time_zone(tx, zone)
    return f"Your time zone is now {zone}."


async def _link(tx: Transaction, scope: ContactScope | SharedScope, typed: str) -> str:
    if not isinstance(scope, ContactScope):
        return NOT_PERSONAL
    if typed:
        return _after_code(await redeem_link_code(tx, typed))
    code = await create_link_code(tx)
    if code is None:
        return NOT_PERSONAL
    return (
        f"Send me this from your other account within ten minutes: /link {code}\n\n"
        "I'll reply there with a second code to send here. After that both accounts share one"
        " conversation, so anyone who can read one of them sees what is said on the other."
    )


def _after_code(entered: Entered) -> str:
    match entered.outcome:
        case "answered":
            return (
                f"This is the code of {entered.other}. If that is you, send this from there within"
                f" ten minutes: /link {entered.code}\n\nAfter that, everything you told me here"
                " can be read there. Don't give this code to anyone. If you did not start this"
                " yourself, ignore it."
            )
        case "linked":
            return (
                "Your accounts are linked: one conversation and one memory for both. If that was"
                " a mistake, my owner can undo it."
            )
        case "own":
            return "Send that code from your other account."
        case "wrong":
            return "That code is invalid or expired. For a new one: /link"
        case "locked":
            return "Too many wrong codes. Try again in an hour."
        case "nobody":
            return NOT_PERSONAL
        case code:
            why = text_of_code(code)
            return f"That isn't possible now: {why}. The code is valid until it expires."


async def _export(tx: Transaction) -> str:
    memories = await list_memories(tx, MAX_LOOKED_AT, include_expired=True)
    messages = await said_in_scope(tx, MAX_EXPORTED_MESSAGES)
    kept = [f"What I remember ({len(memories)})", *(_memory_line(memory) for memory in memories)]
    said = [_message_line(message) for message in messages]
    left = MAX_EXPORTED_CHARACTERS - sum(len(line) + 1 for line in kept)
    newest: list[str] = []
    for line in reversed(said):
        left -= len(line) + 1
        if left < 0:
            break
        newest.append(line)
    title = f"What was said ({len(newest)} messages"
    complete = len(newest) == len(messages) < MAX_EXPORTED_MESSAGES
    title += ")" if complete else ", the newest ones)"
    text = "\n".join([*kept, "", title, *reversed(newest)])
    if len(text) > MAX_EXPORTED_CHARACTERS:
        more = "\n... ask the person who runs me for the complete history."
        text = text[:MAX_EXPORTED_CHARACTERS] + more
    return text


def _memory_line(memory: Memory) -> str:
    return f"- {memory.created_at:%Y-%m-%d} {memory.content}"


def _message_line(message: Message) -> str:
    who = "I" if message.direction == "out" else message.sender_name or message.sender_address
    return f"{message.created_at:%Y-%m-%d %H:%M} {who or 'somebody'}: {message.text}"
