"""``sb retention``: how long messages, files and memories are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.options import AsJson, Limit, Skip, checked
from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.schemas.retention import RetentionRule, RetentionRun

app = typer.Typer(help="Delete messages, files and memories after a time.", no_args_is_help=True)

OfAgent = Annotated[str | None, typer.Option("--agent", metavar="NAME", help="Only this agent's.")]
OfChannel = Annotated[
    str | None,
    typer.Option("--channel", metavar="CHANNEL", help="Only this channel, by name or platform."),
]
Time = "TIME"
DAYS_IN = {"d": 1, "w": 7, "y": 365}


@app.command("set")
def set_rules(
    agent: OfAgent = None,
    channel: OfChannel = None,
    messages: Annotated[
        str | None,
        typer.Option("--messages", metavar=Time, help="Keep messages for 180d, 26w, 2y or never."),
    ] = None,
    files: Annotated[
        str | None, typer.Option("--files", metavar=Time, help="The same for files.")
    ] = None,
    memories: Annotated[
        str | None,
        typer.Option("--memories", metavar=Time, help="The same for memories, since their change."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set how long something is kept; never: it is never deleted. The narrowest rule applies.

    The server deletes once a day. See first: sb retention preview
    """
    from discreet.schemas.retention import RetentionToSet
    from discreet.services import retention

    wanted = checked(
        RetentionToSet,
        agent=agent,
        channel=channel,
        messages=_days(messages),
        files=_days(files),
        memories=_days(memories),
    )
    found = in_app(lambda app: retention.set_retention(app.db, app.owner_id, wanted))
    _print_rules(found, as_json=as_json)


@app.command("remove")
def remove(agent: OfAgent = None, channel: OfChannel = None, as_json: AsJson = False) -> None:
    """Remove the rules of a channel or an agent, or the general rules."""
    from discreet.schemas.retention import RetentionTarget
    from discreet.services import retention

    target = RetentionTarget(agent=agent, channel=channel)
    found = in_app(lambda app: retention.remove_retention(app.db, app.owner_id, target))
    _print_rules(found, as_json=as_json)


@app.command("show")
def show(as_json: AsJson = False) -> None:
    """Show the rules."""
    from discreet.services import retention

    _print_rules(
        in_app(lambda app: retention.list_retention(app.db, app.owner_id)), as_json=as_json
    )


@app.command("preview")
def preview(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show how many rows would be deleted now."""
    from discreet.cli.printing import print_json, print_text
    from discreet.domain.amounts import counted
    from discreet.services import retention

    found = in_app(lambda app: retention.preview_retention(app.db, app.owner_id))
    if as_json:
        print_json(found.model_dump())
        return
    print_text(f"Would be deleted now: {_counted(found.counts)}.")
    if found.on_hold:
        print_text(f"{counted(found.on_hold, 'contact')} on hold: none of their data is deleted.")


PREVIEW = "sb retention preview"


@app.command("run")
def run(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Delete everything past its retention time now, and print the receipt."""
    from discreet.cli.asking import confirm
    from discreet.cli.printing import print_json, print_text
    from discreet.services import retention

    if not (yes or as_json):
        preview()
    confirm("Delete it permanently?", yes=yes, otherwise="Nothing was deleted.", preview=PREVIEW)
    done = in_app(lambda app: retention.run_retention(app.db, app.owner_id))
    if as_json:
        print_json(done.model_dump())
    else:
        print_text(f"Deleted: {_counted(done.counts)}. Receipt {done.id}")


@app.command("runs")
def runs(limit: Limit = 100, skip: Skip = 0, as_json: AsJson = False) -> None:
    """List what past runs deleted."""
    from discreet.cli.printing import Column, print_page, when
    from discreet.services import retention

    columns: list[Column[RetentionRun]] = [
        Column("RECEIPT", lambda one: str(one.id), whole=True),
        Column("ENDED", lambda one: when(one.ended_at), whole=True),
        Column("DELETED", lambda one: _counted(one.counts)),
    ]
    found = in_app(
        lambda app: retention.list_retention_runs(app.db, app.owner_id, limit=limit + 1, skip=skip)
    )
    print_page(
        found, columns, _record, limit=limit, skip=skip, as_json=as_json, empty="No run yet."
    )


def _record(one: RetentionRun) -> Mapping[str, Any]:
    return one.model_dump()


def _days(text: str | None) -> int | str | None:
    if text is None or text == "never":
        return text
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit()) or unit not in DAYS_IN or int(number) < 1:
        raise BadInput(f"{text!a} is not a retention time.", hint="Such as 30d, 26w, 2y, never.")
    return int(number) * DAYS_IN[unit]


def _print_rules(found: Sequence[RetentionRule], *, as_json: bool) -> None:
    from discreet.cli.printing import Column, print_list

    columns: list[Column[RetentionRule]] = [
        Column("AGENT", lambda one: one.agent or "(all)"),
        Column("CHANNEL", lambda one: one.channel or "(all)"),
        Column("KIND", lambda one: one.kind),
        Column("KEPT", lambda one: "for good" if one.days is None else f"{one.days:,} days"),
    ]
    print_list(
        found, columns, lambda one: one.model_dump(), as_json=as_json,
        empty="Everything is kept. Set a time: sb retention set --messages 180d --files 30d",
    )  # fmt: skip


def _counted(counts: Mapping[str, int]) -> str:
    found = [f"{kind.replace('_', ' ')} {count:,}" for kind, count in counts.items() if count]
    return ", ".join(found) or "nothing"
