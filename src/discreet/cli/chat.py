"""``sb chat``: send a message or hold a conversation, as the owner or as any sender."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.answer_printing import (
    NOBODY_ANSWERS,
    WaitEnded,
    end_waiting,
    not_shown,
    print_outcome,
    say_aside,
    show_delay,
)
from discreet.cli.typed_ids import whole_id_or_none
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.cli.chat_backend import ChatBackend, SentMessage
    from discreet.domain.answers import Answer
    from discreet.intake.terminal_message import TerminalMessage


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
        str | None, typer.Option("--contact-id", metavar="ID", help="Speak as this contact.")
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
    if replies_to is not None and message is None:
        raise BadInput("--replies-to only works with --message.", hint="Add --message TEXT.")
    if as_json and message is None:
        raise BadInput("--json only works with --message.", hint="Add --message TEXT.")
    if token_file is not None and server is None:
        raise BadInput("--token-file only works with --server.", hint="Add --server URL.")
    if server is None:
        contact_id = whole_id_or_none("contact", contact_id)
        replies_to = whole_id_or_none("message", replies_to)
    typed = {
        "agent": agent,
        "sender": sender,
        "contact_id": contact_id,
        "group": group,
        "thread_key": thread_key,
        "new": new,
        "replies_to": replies_to,
        "text": "" if message is None else _text_of(message),
    }
    if message is None:
        _converse(typed, server, token_file)
    else:
        sys.exit(_send(typed, server, token_file, as_json))


def _converse(typed: dict[str, Any], server: str | None, token_file: Path | None) -> None:
    from discreet.intake.terminal_message import typed_message

    said = typed_message(**typed)
    from discreet.cli.chat_backend import open_backend
    from discreet.cli.interactive_chat import talk

    open_backend(server, token_file, lambda backend: talk(backend, said))


def _send(typed: dict[str, Any], server: str | None, token_file: Path | None, as_json: bool) -> int:
    """Send one message and return the exit code.

    A server on this machine does the work if there is one, which is faster.
    """
    if server is None:
        from uuid import uuid4

        from discreet.cli.served_chat import say_served

        typed = {**typed, "message_id": str(uuid4())}
        code = say_served(typed, as_json=as_json)
        if code is not None:
            return code
    from discreet.domain.text import checked_text
    from discreet.intake.terminal_message import typed_message

    said = typed_message(**{**typed, "text": checked_text(typed["text"])})
    from discreet.cli.chat_backend import open_backend

    return open_backend(server, token_file, lambda backend: _say_once(backend, said, as_json))


async def _say_once(backend: ChatBackend, said: TerminalMessage, as_json: bool) -> int:
    """Print the answer, or why there is none, and return the exit code."""
    from discreet.cli.notice import Notice
    from discreet.domain.answers import Stopped

    async with backend.listening():
        sent = await backend.say(said)
        try:
            with Notice() as notice:
                notice.show("Waiting for the answer.")
                answer = await sent.answer(not_shown, show_delay, end_waiting)
        except WaitEnded as ended:
            say_aside(ended.reason.why)
            print_outcome(_reply(sent) if as_json else None, ended.reason.state)
            return NOBODY_ANSWERS
        except Stopped:
            print_outcome(_reply(sent) if as_json else None, "stopped")
            raise
        state = "failed" if answer.failed else "answered"
        return print_outcome(_reply(sent, answer) if as_json else None, state, answer)


def _reply(sent: SentMessage, answer: Answer | None = None) -> dict[str, Any]:
    """Return what REST returns for a message."""
    from discreet.domain.ids import MessageId, SessionId
    from discreet.services.messages import reply_with, reply_without_answer

    ids = MessageId(sent.message_id), SessionId(sent.session_id)
    reply = reply_without_answer(*ids) if answer is None else reply_with(*ids, answer)
    return reply.model_dump(mode="json")


def _text_of(message: str) -> str:
    """Return the message as it was given, or standard input if it is ``-``."""
    if message != "-":
        return message
    # One byte more than the longest text in UTF-8 is enough to detect that it is too long.
    from discreet.domain.text import MAX_TEXT

    data = sys.stdin.buffer.read(4 * MAX_TEXT + 1)
    return data.decode("utf-8", "surrogateescape").removesuffix("\n")
