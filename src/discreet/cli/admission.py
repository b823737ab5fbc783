"""``sb admission``: decide who may write to your agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from discreet.cli.options import AsJson
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.schemas.admission import ChannelPolicy

app = typer.Typer(help="Decide who may write on each channel.", no_args_is_help=True)

AgentName = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.")]


@app.command("list")
def list_policies(as_json: AsJson = False) -> None:
    """List the channels and their admission policies."""
    from discreet.cli.printing import Column, print_list
    from discreet.services import admission

    columns: list[Column[ChannelPolicy]] = [
        Column("AGENT", lambda item: item.agent),
        Column("PLATFORM", lambda item: item.platform),
        Column("NAME", _name),
        Column("ADMISSION", lambda item: item.admission),
        Column("LET IN", lambda item: str(item.admitted)),
    ]
    found = in_app(lambda app: admission.list_policies(app.db, app.owner_id))
    print_list(
        found,
        columns,
        lambda item: item.model_dump(),
        as_json=as_json,
        empty="No channels yet. The terminal is always open.",
    )


def _name(item: ChannelPolicy) -> str:
    if item.platform == "web":
        return item.name
    return f"@{item.name}" if item.name else item.account


@app.command("set")
def set_admission(
    agent: AgentName,
    platform: Annotated[
        str, typer.Argument(metavar="PLATFORM", help="A platform, such as telegram.")
    ],
    mode: Annotated[
        Literal["open", "pairing", "allowlist"],
        typer.Argument(
            help=(
                "open: anyone. pairing: strangers get a code that you approve. allowlist: "
                "only the people you name."
            )
        ),
    ],
) -> None:
    """Change a channel's admission policy. It applies from the next message."""
    from discreet.cli.printing import print_text
    from discreet.domain.amounts import counted
    from discreet.services import admission

    done = in_app(lambda app: admission.set_admission(app.db, app.owner_id, agent, platform, mode))
    print_text(f"{agent} on {platform}: {mode}.")
    if done.let_in:
        print_text(
            f"{counted(done.let_in, 'pending request')} approved; their messages are answered."
        )


@app.command("allow")
def allow(
    agent: AgentName,
    address: Annotated[str, typer.Argument(metavar="PLATFORM:ID", help="The address to allow.")],
    group: Annotated[bool, typer.Option("--group", help="The address belongs to a group.")] = False,
) -> None:
    """Allow an address before it has written."""
    from discreet.cli.printing import print_text
    from discreet.domain.addresses import Address
    from discreet.services import admission

    parsed = Address.parse(address)
    in_app(lambda app: admission.allow_address(app.db, app.owner_id, agent, parsed, of_group=group))
    print_text(f"{parsed} may now write to {agent}.")
