"""``sb sessions``: list conversations and show transcripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.options import AsJson, Limit, OfContact, Skip
from discreet.cli.runtime import in_app
from discreet.cli.typed_ids import whole_id

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.sessions import Message, Session

app = typer.Typer(help="List, read and follow conversations.", no_args_is_help=True)


@app.command("list")
def list_sessions(
    contact: OfContact = None, limit: Limit = 100, skip: Skip = 0, as_json: AsJson = False
) -> None:
    """List sessions, most recently active first."""
    from discreet.cli.printing import Column, print_page, when
    from discreet.services import contacts, sessions

    async def work(app: App) -> list[Session]:
        of = None
        if contact is not None:
            of = (await contacts.find_contact(app.db, app.owner_id, contact)).contact.id
        return await sessions.list_recent_sessions(
            app.context, contact_id=of, limit=limit + 1, skip=skip
        )

    columns: list[Column[Session]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("AGENT", lambda item: item.agent or ""),
        Column("WITH", _with_whom),
        Column("LAST MESSAGE", lambda item: when(item.last_message_at), whole=True),
    ]
    print_page(
        in_app(work), columns, _record, limit=limit, skip=skip, as_json=as_json,
        empty="No sessions yet.",
    )  # fmt: skip


@app.command("show")
def show_session(
    session_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="A session's id, or its first six characters."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a session's transcript."""
    from discreet.cli.printing import print_json, print_text, when
    from discreet.domain.ids import SessionId
    from discreet.schemas.pages import MAX_PAGE
    from discreet.schemas.sessions import ListMessages
    from discreet.services import sessions
    from discreet.services.own_data import record_access

    wanted = SessionId(whole_id("session", session_id))

    async def work(app: App) -> tuple[Session, list[Message]]:
        session = await sessions.get_session(app.context, wanted)
        lines: list[Message] = []
        after: int | None = 0
        while after is not None:
            asked = ListMessages(limit=MAX_PAGE, after=after)
            page = await sessions.list_messages(app.context, wanted, asked)
            lines, after = lines + page.items, page.next
        await record_access(app.db, app.owner_id, [session.contact_id], "read", "terminal")
        return session, lines

    session, lines = in_app(work)
    if as_json:
        print_json(
            {
                **_record(session),
                "transcript": [_line_record(line, session) for line in lines],
            }
        )
        return
    thread = f", thread {session.thread_key}" if session.thread_key else ""
    print_text(f"{session.agent} with {_whose(session)}{thread} ({_state(session)})\n")
    for line in lines:
        mark = "" if line.state in ("answered", "sent") else f"  [{line.state}]"
        mark = f" (in person){mark}" if line.in_person else mark
        text = line.text.replace("\n", "\n    ")
        print_text(f"{when(line.created_at)}  {_speaker(line, session)}{mark}\n    {text}")


@app.command("follow")
def follow(
    contact: Annotated[
        str,
        typer.Argument(metavar="CONTACT", help="A contact: its id, address (platform:id) or name."),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """Follow a contact's conversation until Ctrl-C. The agent keeps answering."""
    from discreet.cli.following import follow_contact, show_line
    from discreet.cli.printing import print_json_line, print_text
    from discreet.services import contacts

    async def work(app: App) -> None:
        found = (await contacts.find_contact(app.db, app.owner_id, contact)).contact
        if not as_json:
            print_text(f"Following {found.label}. Press Ctrl-C to stop.")
        await follow_contact(
            app,
            found.id,
            print_json_line if as_json else show_line,
        )

    in_app(work)


def _with_whom(session: Session) -> str:
    thread = f", {session.thread_key}" if session.thread_key else ""
    state = _state(session)
    return f"{_whose(session)}{thread}" + ("" if state == "open" else f" ({state})")


def _state(session: Session) -> str:
    if session.ended_at is not None:
        return "ended"
    return f"{session.waiting} waiting" if session.waiting else "open"


def _whose(session: Session) -> str:
    return "" if session.whose is None else session.whose.label


def _speaker(line: Message, session: Session) -> str:
    return (session.agent or "") if line.said_by is None else line.said_by.label


def _record(item: Session) -> dict[str, Any]:
    return {**item.model_dump(), "whose": _whose(item)}


def _line_record(line: Message, session: Session) -> dict[str, Any]:
    return {
        "id": line.id,
        "at": line.created_at,
        "direction": line.direction,
        "speaker": _speaker(line, session),
        "text": line.text,
        "state": line.state,
        "in_person": line.in_person,
        "replies_to": line.replies_to,
    }
