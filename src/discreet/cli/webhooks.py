"""``sb webhooks``: tell other programs what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.options import AsJson, checked
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.events import AddedWebhook, Webhook

app = typer.Typer(
    help="Notify other programs of events by signed HTTP requests.", no_args_is_help=True
)
Which = Annotated[
    str, typer.Argument(metavar="ID", help="A webhook's id, or its first six characters.")
]


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="An https:// address.")],
    events: Annotated[
        str,
        typer.Option(
            "--events",
            metavar="KINDS",
            help="Only these, separated by commas: message.received,message.sent. Default: all.",
        ),
    ] = "",
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent", metavar="NAME", help="Only the events of this agent. Default: all events."
        ),
    ] = None,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private", help="Also call an address of this machine or a private network."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Add a webhook. Its secret is shown once; keep it like a password."""
    from discreet.cli.printing import print_json, print_text
    from discreet.schemas.events import WebhookToAdd
    from discreet.services import event_webhooks
    from discreet.services.agents import get_agent

    kinds = [kind.strip() for kind in events.split(",") if kind.strip()]
    given = checked(WebhookToAdd, url=url, events=kinds, allow_private=allow_private)

    async def work(app: App) -> AddedWebhook:
        only = None
        if agent is not None:
            only = (await get_agent(app.db, app.owner_id, agent)).id
        return await event_webhooks.add_webhook(
            app.webhooks, app.owner_id, given.model_copy(update={"agent_id": only})
        )

    added = in_app(work)
    if as_json:
        print_json(added.model_dump(mode="json"))
        return
    print_text(added.secret)
    typer.echo(
        "It won't be shown again; your program checks signatures with it. Try it: sb webhooks test"
        f" {added.webhook.id}",
        err=True,
    )


@app.command("list")
def list_webhooks(as_json: AsJson = False) -> None:
    """List webhooks, oldest first."""
    from discreet.cli.printing import Column, print_list
    from discreet.services import event_webhooks

    columns: list[Column[Webhook]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("URL", lambda item: item.url),
        Column("AGENT", lambda item: item.agent or "all"),
        Column("EVENTS", lambda item: ", ".join(item.events) or "all"),
        Column("STATE", _state),
    ]
    found = in_app(lambda app: event_webhooks.list_webhooks(app.db, app.owner_id))
    print_list(
        found.items, columns, lambda item: item.model_dump(mode="json"), as_json=as_json,
        empty="No webhooks yet. Add one: sb webhooks add URL",
    )  # fmt: skip


@app.command("test")
def test(which: Which) -> None:
    """Send a test event. If it works, a disabled webhook is enabled again."""
    from discreet.cli.printing import print_text
    from discreet.services import event_webhooks

    tested = in_app(lambda app: event_webhooks.test_webhook(app.webhooks, app.owner_id, which))
    if tested.problem is not None:
        print_text(tested.problem)
        raise typer.Exit(1)
    print_text("It works.")


@app.command("remove")
def remove(which: Which) -> None:
    """Remove a webhook and its secret."""
    from discreet.cli.printing import print_text
    from discreet.services import event_webhooks

    removed = in_app(lambda app: event_webhooks.remove_webhook(app.db, app.owner_id, which))
    print_text(f"{removed.url} gets no more events.")


def _state(item: Webhook) -> str:
    if item.disabled_at is not None:
        return f"disabled: {item.last_error}"
    return "works" if item.failing_since is None else f"failing: {item.last_error}"
