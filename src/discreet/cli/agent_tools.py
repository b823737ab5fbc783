"""``sb agents tools``: MCP servers that give an agent tools, and who may use them."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from discreet.cli.agent_tools_add import add
from discreet.cli.options import AsJson, checked
from discreet.cli.runtime import in_app
from discreet.cli.tool_printing import notes_of, print_changes, print_line, print_server, record_of
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.domain.ids import AgentId
    from discreet.schemas.tools import PendingCall, ToolServer

app = typer.Typer(help="Give an agent tools from MCP servers.", no_args_is_help=True)
app.command("add")(add)

Agent = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.")]
Server = Annotated[str, typer.Argument(metavar="NAME", help="The server's name.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]


@app.command("list")
def list_servers(
    agent: Annotated[
        str | None, typer.Argument(metavar="AGENT", help="Only this agent's servers.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the servers of an agent, or of all."""
    from discreet.cli.printing import Column, print_list
    from discreet.services.tool_servers import list_tool_servers

    async def work(app: App) -> list[ToolServer]:
        agent_id = None if agent is None else await _agent(app, agent)
        return (await list_tool_servers(app.tools, app.owner_id, agent_id)).items

    columns: list[Column[ToolServer]] = [
        Column("AGENT", lambda item: item.agent),
        Column("NAME", lambda item: item.name),
        Column("WHERE", lambda item: item.url or shlex.join(item.command)),
        Column("TOOLS", lambda item: str(len(item.tools))),
        Column("ALLOWED", lambda item: str(sum(t.allowed != "nobody" for t in item.tools))),
        Column("NOTES", notes_of),
    ]
    print_list(in_app(work), columns, record_of, as_json=as_json, empty="No agent has a server.")


@app.command("show")
def show(agent: Agent, name: Server, as_json: AsJson = False) -> None:
    """Show a server, its tools, who may use them, and changes that wait for your approval."""
    from discreet.cli.printing import print_json
    from discreet.services.tool_servers import get_tool_server

    async def work(app: App) -> ToolServer:
        return await get_tool_server(app.tools, app.owner_id, await _agent(app, agent), name)

    found = in_app(work)
    if as_json:
        print_json(record_of(found))
    else:
        print_server(found)


@app.command("test")
def test(agent: Agent, name: Server) -> None:
    """Connect to a server and compare its tools with those that you approved."""
    from discreet.services.tool_servers import test_tool_server

    async def work(app: App) -> ToolServer:
        return await test_tool_server(app.tools, app.owner_id, await _agent(app, agent), name)

    found = in_app(work)
    print_line(f"{found.name} answers and offers {len(found.tools)} tools that you approved.")
    print_changes(found)


@app.command("calls")
def calls(
    approve: Annotated[
        str | None, typer.Option("--approve", metavar="ID", help="Let this call be made, once.")
    ] = None,
    deny: Annotated[
        str | None, typer.Option("--deny", metavar="ID", help="Refuse this call.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the tool calls that wait for your approval, or decide one."""
    from discreet.cli.printing import Column, print_list
    from discreet.services.tool_calls import approve_call, deny_call, pending_calls

    if approve is not None and deny is not None:
        raise BadInput("Give either --approve or --deny.")

    async def answer(app: App) -> PendingCall:
        decide = deny_call if approve is None else approve_call
        return await decide(app.db, app.owner_id, approve or deny or "")

    async def work(app: App) -> list[PendingCall]:
        return await pending_calls(app.db, app.owner_id)

    if approve is not None or deny is not None:
        decided = in_app(answer)
        done = "will be made now" if deny is None else "won't be made"
        print_line(f"The call of {decided.called} for {decided.whose} {done}.")
        return
    columns: list[Column[PendingCall]] = [
        Column("ID", lambda item: item.id.hex[:6], whole=True),
        Column("AGENT", lambda item: item.agent),
        Column("FOR", lambda item: item.whose),
        Column("TOOL", lambda item: item.called),
        Column("WITH", lambda item: json.dumps(item.arguments, ensure_ascii=False)),
        Column("UNTIL", lambda item: f"{item.expires_at:%Y-%m-%d %H:%M}"),
    ]
    print_list(
        in_app(work),
        columns,
        lambda item: item.model_dump(mode="json"),
        as_json=as_json,
        empty="No tool call waits for your approval.",
    )


@app.command("connect")
def connect(
    agent: Agent,
    name: Server,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="WHO", help="Connect the account of this group."),
    ] = None,
    code: Annotated[
        str | None, typer.Option("--code", metavar="CODE", help="The code that the page showed.")
    ] = None,
) -> None:
    """Connect your own account at a server, to use its tools in your chat; or a group's account."""
    from discreet.services.tool_accounts import connect_account, enter_account_code

    async def get_link(app: App) -> str:
        agent_id = await _agent(app, agent)
        return await connect_account(app.tools, app.owner_id, agent_id, name, group)

    async def enter(app: App) -> str:
        agent_id = await _agent(app, agent)
        return await enter_account_code(app.tools, app.owner_id, agent_id, code or "", group)

    if code is None:
        print_line(f"Open this within ten minutes, and sign in: {in_app(get_link)}")
        if not sys.stdin.isatty():
            print_line(f"Then: sb agents tools connect {shlex.quote(agent)} {name} --code CODE")
            return
        from discreet.cli.asking import ask

        code = ask("The code that the page shows:", otherwise="Nothing was connected.")
    print_line(in_app(enter))
    print_line(
        f"To see the tools that it shows now: sb agents tools test {shlex.quote(agent)} {name}"
    )


@app.command("remove")
def remove(agent: Agent, name: Server) -> None:
    """Remove a server, with its secrets."""
    from discreet.services.tool_servers import remove_tool_server

    async def work(app: App) -> ToolServer:
        return await remove_tool_server(app.tools, app.owner_id, await _agent(app, agent), name)

    print_line(f"Removed {in_app(work).name}.")


@app.command("approve")
def approve(agent: Agent, name: Server, yes: Yes = False) -> None:
    """Approve what a server offers now. Nobody may use a new tool until you allow it."""
    from discreet.cli.asking import confirm
    from discreet.schemas.tools import ToolChangesToApprove
    from discreet.services.tool_servers import approve_tools, get_tool_server

    async def read(app: App) -> ToolServer:
        return await get_tool_server(app.tools, app.owner_id, await _agent(app, agent), name)

    found = in_app(read)
    if found.digest is None:
        print_line(f"{name} offers what you approved.")
        return
    print_changes(found)
    confirm(
        "Approve these changes?",
        yes=yes,
        otherwise="Nothing was approved.",
        preview=f"sb agents tools show {shlex.quote(agent)} {name}",
    )
    given = ToolChangesToApprove(digest=found.digest)

    async def work(app: App) -> ToolServer:
        agent_id = await _agent(app, agent)
        return await approve_tools(app.tools, app.owner_id, agent_id, name, given)

    in_app(work)
    print_line("Approved.")


@app.command("allow")
def allow(
    agent: Agent,
    name: Server,
    tools: Annotated[
        list[str] | None, typer.Argument(metavar="[TOOL]...", help="Default: all of its tools.")
    ] = None,
    to: Annotated[
        Literal["nobody", "owner", "everybody"] | None,
        typer.Option("--to", help="nobody, owner (only you, in your own chat) or everybody."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="LABEL", help="Contacts with this label. Repeatable."),
    ] = None,
    groups: Annotated[
        bool | None,
        typer.Option("--groups/--no-groups", help="Whether they may be used in groups."),
    ] = None,
    confirm: Annotated[
        Literal["never", "contact", "owner"] | None,
        typer.Option(
            "--confirm",
            help="contact: the person in the conversation approves each call (the"
            " default for tools that aren't marked read-only). owner: you approve it, in your chat,"
            " in the dashboard or here (sb agents tools calls).",
        ),
    ] = None,
) -> None:
    """Set who may use a server's tools. It applies from the next call."""
    from discreet.schemas.tools import ToolRights
    from discreet.services.tool_servers import allow_tools

    if to is None and not label and groups is None and confirm is None:
        raise BadInput("Say who may use them.", hint="For example: --to everybody")
    if to is not None and label:
        raise BadInput("Give either --to or --label.")
    given = checked(
        ToolRights,
        tools=tools or [],
        allowed="labels" if label else to,
        labels=label or [],
        in_groups=groups,
        confirm=confirm,
    )

    async def work(app: App) -> ToolServer:
        return await allow_tools(app.tools, app.owner_id, await _agent(app, agent), name, given)

    print_server(in_app(work))


async def _agent(app: App, name: str) -> AgentId:
    from discreet.services.agents import get_agent

    return (await get_agent(app.db, app.owner_id, name)).id
