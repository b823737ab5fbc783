"""``sb admission``: who may come in on which channel."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from discreet.entrypoints.cli.opening import in_app
from discreet.entrypoints.cli.options import AsJson

if TYPE_CHECKING:
    from discreet.oversight.admission import ChannelPolicy

app = typer.Typer(help="Who may come in on which channel.", no_args_is_help=True)

AgentName = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.")]


@app.command("list")
def list_policies(as_json: AsJson = False) -> None:
    """Every channel, and who may come in."""
    from discreet.entrypoints.cli.printing import Column, print_list
    from discreet.oversight import admission

    columns: list[Column[ChannelPolicy]] = [
        Column("AGENT", lambda item: item.agent),
        Column("PLATFORM", lambda item: item.platform),
        Column("NAME", lambda item: f"@{item.name}" if item.name else item.account),
        Column("ADMISSION", lambda item: item.admission),
        Column("LET IN", lambda item: str(item.admitted)),
    ]
    found = in_app(lambda app: admission.list_policies(app.door, app.owner_id))
    print_list(
        found, columns, asdict, as_json=as_json, empty="No channels but the terminal, always open."
    )


@app.command("set")
def set_admission(
    agent: AgentName,
    platform: Annotated[str, typer.Argument(metavar="PLATFORM", help="Like telegram.")],
    mode: Annotated[
        Literal["open", "pairing", "allowlist"],
        typer.Argument(
            help="open: whoever writes. pairing: strangers get a code that you approve. "
            "allowlist: only whom you name."
        ),
    ],
) -> None:
    """Changes who may come in, from the next message on."""
    from discreet.entrypoints.cli.printing import print_text
    from discreet.oversight import admission

    in_app(lambda app: admission.set_admission(app.door, app.owner_id, agent, platform, mode))
    print_text(f"{agent} on {platform}: {mode}.")


@app.command("allow")
def allow(
    agent: AgentName,
    address: Annotated[str, typer.Argument(metavar="PLATFORM:ID", help="Whom to let in.")],
    group: Annotated[bool, typer.Option("--group", help="The address is a group's.")] = False,
) -> None:
    """Lets somebody in before they have written."""
    from discreet.domain.addresses import Address
    from discreet.entrypoints.cli.printing import print_text
    from discreet.oversight import admission

    parsed = Address.parse(address)
    in_app(
        lambda app: admission.allow_address(app.door, app.owner_id, agent, parsed, of_group=group)
    )
    print_text(f"{parsed} may talk to {agent}.")
