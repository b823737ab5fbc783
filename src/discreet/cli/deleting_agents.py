"""``sb agents delete``: delete an agent, and say what becomes of its contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args

import typer

from discreet.cli.notice import Notice
from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.agents import AgentDeleted

Fate = Literal["keep", "move", "erase"]
NOTHING = "Nothing was removed."
QUESTION = """\
What becomes of its contacts?
  keep   They stay in the address book. What they said to this agent is deleted.
  move   Another agent gets its conversations, memories and channels.
  erase  Contacts that no other agent knows are erased."""


def delete(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An agent's name.")],
    contacts: Annotated[
        Fate | None,
        typer.Option(
            "--contacts",
            help=(
                "keep: they stay in the address book, and their conversations with this agent are "
                "deleted. move: another agent gets its conversations, memories and channels. "
                "erase: contacts that no other agent knows are erased."
            ),
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="AGENT", help="The agent to move them to.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what would be deleted without deleting it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Permanently delete an agent. You are asked what becomes of its contacts."""
    from discreet.cli.asking import confirm

    name = in_app(lambda app: _full_name(app, name))  # before anything is asked
    fate = contacts or ("move" if to is not None else _ask())
    if fate == "move" and to is None:
        to = _ask_to()
    with Notice() as notice:
        if preview or not (yes or as_json):
            notice.show("Counting.")
            found = in_app(lambda app: _delete(app, name, fate, to, preview=True))
            notice.clear()
            _show(found, "Would be deleted", as_json=as_json)
        if preview:
            return
        confirm(f"Delete {name} permanently?", yes=yes, otherwise=NOTHING)
        notice.show("Deleting.")
        deleted = in_app(lambda app: _delete(app, name, fate, to, preview=False))
    _show(deleted, f"Deleted. Receipt {deleted.receipt}", as_json=as_json)


async def _delete(
    app: App, name: str, fate: Fate, to: str | None, *, preview: bool
) -> AgentDeleted:
    from discreet.schemas.agents import AgentToDelete
    from discreet.services.agents import get_agent
    from discreet.services.deleting_agents import delete_agent

    agent = await get_agent(app.db, app.owner_id, name)
    other = None if to is None else (await get_agent(app.db, app.owner_id, to)).id
    request = AgentToDelete(contacts=fate, to_agent_id=other, preview=preview)
    home = app.settings.home
    return await delete_agent(app.db, app.owner_id, agent.id, request, home, app.tools)


async def _full_name(app: App, name: str) -> str:
    from discreet.services.agents import get_agent

    return (await get_agent(app.db, app.owner_id, name)).name


def _ask() -> Fate:
    from discreet.cli.asking import can_ask, choose

    if not can_ask():
        raise BadInput(
            "What becomes of its contacts?", hint="Add --contacts keep, move (with --to) or erase."
        )
    print(QUESTION)
    return cast(Fate, choose(get_args(Fate), otherwise=NOTHING))


def _ask_to() -> str:
    from discreet.cli.asking import ask, can_ask

    if not can_ask():
        raise BadInput("Which agent gets its contacts?", hint="Add --to AGENT.")
    return ask("Which agent gets them?", otherwise=NOTHING)


def _show(found: AgentDeleted, title: str, *, as_json: bool) -> None:
    from discreet.cli.printing import print_json, print_text, when

    if as_json:
        print_json(found.model_dump())
        return
    print_text(f"{title}:")
    for kind, count in found.counts.items():
        print_text(f"  {kind.replace('_', ' '):<26} {count:>9,}")
    if found.backups:
        print_text("These backups still contain it:")
        for one in found.backups:
            print_text(f"  {one.file} ({when(one.made_at)})")
