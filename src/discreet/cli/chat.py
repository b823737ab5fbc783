"""``sb chat``: send a message or hold a conversation, as the owner or as any sender."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.runtime import Notice
from discreet.cli.waiting import WaitEnded, end_waiting, not_shown, print_answer, show_delay
from discreet.domain.errors import BadInput
from discreet.domain.text import terminal_text

if TYPE_CHECKING:
    from discreet.cli.chat_backend import ChatBackend, SentMessage
    from discreet.intake.terminal_message import TerminalMessage
    from discreet.services.messages import Answer

NOBODY_ANSWERS = 3
"""The exit code if a message is stored and nobody answers it now."""


def chat(
    agent: Annotated[
        str | None, typer.Option("--agent", metavar="NAME", help="The agent to talk to.")
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option(
            "--sender",
            metavar="PLATFORM:ID",
            help="Speak as this sender; a new contact is created if needed.",
        ),
    ] = None,
    contact_id: Annotated[
        str | None, typer.Option("--contact-id", metavar="UUID", help="Speak as this contact.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="PLATFORM:ID", help="Speak in this group (with --sender)."),
    ] = None,
    thread_key: Annotated[
        str,
        typer.Option("--thread-key", metavar="KEY", help="Use a separate session for this topic."),
    ] = "",
    new: Annotated[
        bool, typer.Option("--new", help="Start a new session with an empty history.")
    ] = False,
    replies_to: Annotated[
        str | None,
        typer.Option(
            "--replies-to",
            metavar="ID",
            help="The id of the message that --message replies to; see: sb sessions show --json",
        ),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option(
            "--message",
            "-m",
            metavar="TEXT",
            help="Send one message and print only the answer. '-' reads it from stdin.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the state of --message and its answer as JSON.")
    ] = False,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="URL",
            help=("Talk to a remote server, as the identity of the token in DISCREET_TOKEN."),
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="A file with the token for --server; it must be readable only by you.",
        ),
    ] = None,
) -> None:
    """Talk to an agent. Without --sender or --contact-id you speak as its owner.

    With --message the exit code is 0 if it was answered, 1 if the agent failed, and 3 if nobody
    answers now: the agent is paused, a person answers, or the answer waits for your approval.
    """
    said = _said(
        agent=agent,
        sender=sender,
        contact_id=contact_id,
        group=group,
        thread_key=thread_key,
        new=new,
        replies_to=replies_to,
        text="" if message is None else _text_of(message),
        checked=message is not None,
    )
    if replies_to is not None and message is None:
        raise BadInput("--replies-to only works with --message.", hint="Add --message TEXT.")
    if as_json and message is None:
        raise BadInput("--json only works with --message.", hint="Add --message TEXT.")
    if token_file is not None and server is None:
        raise BadInput("--token-file only works with --server.", hint="Add --server URL.")
    from discreet.cli.chat_backend import open_backend

    if message is None:
        from discreet.cli.talk import talk

        open_backend(server, token_file, lambda backend: talk(backend, said))
    else:
        sys.exit(
            open_backend(server, token_file, lambda backend: _say_once(backend, said, as_json))
        )


async def _say_once(backend: ChatBackend, said: TerminalMessage, as_json: bool) -> int:
    """Print the answer, or why there is none, and return the exit code."""
    from discreet.services.messages import Stopped

    async with backend.listening():
        sent = await backend.say(said)
        try:
            with Notice() as notice:
                notice.show("Waiting for the answer.")
                answer = await sent.answer(not_shown, show_delay, end_waiting)
        except WaitEnded as ended:
            print(f"sb: {terminal_text(ended.reason.why)}", file=sys.stderr)
            if as_json:
                _print_state(sent, ended.reason.state)
            return NOBODY_ANSWERS
        except Stopped:
            if as_json:
                _print_state(sent, "stopped")
            raise
        if as_json:
            _print_state(sent, "failed" if answer.failed else "answered", answer)
        else:
            print_answer(answer)
    if answer.failed:
        print("sb: The agent could not answer. See why: sb status", file=sys.stderr)
        return 1
    return 0


def _print_state(sent: SentMessage, state: str, answer: Answer | None = None) -> None:
    """Print what REST returns for a message, with the state as its owner sees it."""
    from discreet.cli.printing import print_json
    from discreet.domain.ids import MessageId, SessionId
    from discreet.services.messages import reply_with, reply_without_answer

    ids = MessageId(sent.message_id), SessionId(sent.session_id)
    reply = reply_without_answer(*ids) if answer is None else reply_with(*ids, answer)
    print_json(reply.model_dump(mode="json") | {"state": state})


def _text_of(message: str) -> str:
    """Return the message as it was given, or standard input if it is ``-``."""
    if message != "-":
        return message
    # One byte more than the longest text in UTF-8 is enough to detect that it is too long.
    from discreet.domain.text import MAX_TEXT

    data = sys.stdin.buffer.read(4 * MAX_TEXT + 1)
    return data.decode("utf-8", "surrogateescape").removesuffix("\n")


def _said(
    *,
    agent: str | None,
    sender: str | None,
    contact_id: str | None,
    group: str | None,
    thread_key: str,
    new: bool,
    replies_to: str | None,
    text: str,
    checked: bool,
) -> TerminalMessage:
    """Return the message to send, checked before anything is opened.

    Raises:
        BadInput: an option is malformed or two exclude each other.
    """
    from discreet.domain.addresses import Address
    from discreet.domain.ids import ContactId, MessageId, parse_uuid
    from discreet.domain.text import checked_text, checked_thread_key
    from discreet.intake.terminal_message import TerminalMessage

    if sender is not None and contact_id is not None:
        raise BadInput(
            "--sender and --contact-id can't be used together.", hint="Give one of them."
        )
    if group is not None and sender is None:
        raise BadInput("--group needs a sender.", hint="Add --sender platform:id.")
    return TerminalMessage(
        agent=agent,
        sender=None if sender is None else Address.parse(sender),
        contact_id=None if contact_id is None else ContactId(parse_uuid(contact_id, "contact id")),
        group=None if group is None else Address.parse(group),
        thread_key=checked_thread_key(thread_key),
        new=new,
        replies_to=(
            None if replies_to is None else MessageId(parse_uuid(replies_to, "message id"))
        ),
        text=checked_text(text) if checked else text,
    )
