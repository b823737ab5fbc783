"""``sb agents tools``: servers whose tools an agent may use, and who may use them."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from discreet.cli.options import AsJson, checked
from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.domain.ids import AgentId
    from discreet.schemas.tools import PendingCall, ServerTool, ToolServer

app = typer.Typer(help="Give an agent tools of MCP servers.", no_args_is_help=True)

MAX_SECRET_BYTES = 20_000
Agent = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.")]
Server = Annotated[str, typer.Argument(metavar="NAME", help="The server's name.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]


@app.command("add")
def add(
    agent: Agent,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A name for the server. Its tools are called NAME__tool."
        ),
    ],
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Where it speaks streamable HTTP.")
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            "--command", metavar='"CMD ARGS"', help="A program that speaks MCP on its streams."
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            metavar="NAME[@FILE]",
            help="A header with a secret, from a file; else you are asked. Repeat for several.",
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            metavar="NAME[@FILE]",
            help="An environment variable for the program, from a file; else you are asked.",
        ),
    ] = None,
    port: Annotated[
        list[int] | None,
        typer.Option(
            "--port",
            metavar="N",
            min=1,
            max=65_535,
            help="A TCP port that the program may connect to, such as 443. Without one it has no"
            " network.",
        ),
    ] = None,
    read: Annotated[
        list[Path] | None,
        typer.Option("--read", metavar="PATH", help="A file or folder that the program may read."),
    ] = None,
    shared: Annotated[
        bool,
        typer.Option(
            "--shared",
            help="One session serves everybody. Only for a server that keeps nothing between"
            " calls: what it keeps, it may tell the next person.",
        ),
    ] = False,
    tell_addresses: Annotated[
        bool,
        typer.Option(
            "--tell-addresses",
            help="Tell it the addresses of contacts, in the signed identity of each call.",
        ),
    ] = False,
    sign_in: Annotated[
        bool,
        typer.Option(
            "--sign-in",
            help="Whoever uses it connects an account of their own there (OAuth). Needs"
            " DISCREET_PUBLIC_URL.",
        ),
    ] = False,
    client_id: Annotated[
        str | None,
        typer.Option(
            "--client-id",
            metavar="ID",
            help="Of a client that you registered there, if it registers none by itself.",
        ),
    ] = None,
    client_secret: Annotated[
        str | None,
        typer.Option(
            "--client-secret", metavar="NAME[@FILE]", help="That client's secret, as for --header."
        ),
    ] = None,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Run the program without a sandbox. It can then read everything that you can,"
            " also this installation's credentials.",
        ),
    ] = False,
) -> None:
    """Add a server. Nobody may use its tools until you allow them: sb agents tools allow."""
    from discreet.schemas.tools import CommandToAdd, ToolServerToAdd
    from discreet.services.tool_servers import add_tool_server

    if (url is None) == (command is None):
        raise BadInput("Give either --url or --command.")
    given: ToolServerToAdd | CommandToAdd
    if url is not None:
        if env or port or read or trust:
            raise BadInput("--env, --port, --read and --trust are for a --command.")
        given = checked(
            ToolServerToAdd,
            name=name,
            url=url,
            headers=_secrets(header),
            shared=shared,
            tells_addresses=tell_addresses,
            signs_in=sign_in,
            client_id=client_id,
            client_secret=None if client_secret is None else _secret(client_secret)[1],
        )
    else:
        if header:
            raise BadInput("--header is for a --url.", hint="For a --command: --env")
        if sign_in or client_id or client_secret:
            raise BadInput("--sign-in, --client-id and --client-secret are for a --url.")
        given = checked(
            CommandToAdd,
            name=name,
            command=_words(command or ""),
            environment=_secrets(env),
            shared=shared,
            tells_addresses=tell_addresses,
            trusted=trust,
            ports=port or [],
            readable=[str(path.absolute()) for path in read or []],
        )

    async def work(app: App) -> ToolServer:
        return await add_tool_server(app.tools, app.owner_id, await _agent(app, agent), given)

    added = in_app(work)
    _print(added)
    if added.signs_in and not added.tools:
        _say(
            "It shows its tools only to somebody who signed in. Connect your own account: sb agents"
            f" tools connect {shlex.quote(agent)} {name}"
        )
        return
    _say(
        f"Nobody may use them yet. To allow one: sb agents tools allow {shlex.quote(agent)} {name}"
    )


@app.command("list")
def list_servers(
    agent: Annotated[str | None, typer.Argument(metavar="AGENT", help="Only this agent's.")] = None,
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
        Column("NOTES", _notes),
    ]
    print_list(in_app(work), columns, _record, as_json=as_json, empty="No agent has a server.")


@app.command("show")
def show(agent: Agent, name: Server, as_json: AsJson = False) -> None:
    """Show a server, its tools, who may use them, and changes that wait for your approval."""
    from discreet.cli.printing import print_json
    from discreet.services.tool_servers import get_tool_server

    async def work(app: App) -> ToolServer:
        return await get_tool_server(app.tools, app.owner_id, await _agent(app, agent), name)

    found = in_app(work)
    if as_json:
        print_json(_record(found))
    else:
        _print(found)


@app.command("test")
def test(agent: Agent, name: Server) -> None:
    """Connect to a server and compare its tools with those that you approved."""
    from discreet.services.tool_servers import test_tool_server

    async def work(app: App) -> ToolServer:
        return await test_tool_server(app.tools, app.owner_id, await _agent(app, agent), name)

    found = in_app(work)
    _say(f"{found.name} answers and offers {len(found.tools)} tools that you approved.")
    _print_changes(found)


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
    """List the calls of tools that wait for your yes, or answer one."""
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
        _say(f"The call of {decided.called} for {decided.whose} {done}.")
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
        empty="No call waits for you.",
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
    """Connect your own account at a server, for its tools in your own chat; or a group's."""
    from discreet.services.tool_servers import connect_account, enter_account_code

    async def get_link(app: App) -> str:
        agent_id = await _agent(app, agent)
        return await connect_account(app.tools, app.owner_id, agent_id, name, group)

    async def enter(app: App) -> str:
        agent_id = await _agent(app, agent)
        return await enter_account_code(app.tools, app.owner_id, agent_id, code or "", group)

    if code is None:
        _say(f"Open this within ten minutes, and sign in: {in_app(get_link)}")
        if not sys.stdin.isatty():
            _say(f"Then: sb agents tools connect {shlex.quote(agent)} {name} --code CODE")
            return
        code = typer.prompt("The code that the page shows")
    _say(in_app(enter))
    _say(f"To see the tools that it shows now: sb agents tools test {shlex.quote(agent)} {name}")


@app.command("remove")
def remove(agent: Agent, name: Server) -> None:
    """Remove a server, with its secrets."""
    from discreet.services.tool_servers import remove_tool_server

    async def work(app: App) -> ToolServer:
        return await remove_tool_server(app.tools, app.owner_id, await _agent(app, agent), name)

    _say(f"Removed {in_app(work).name}.")


@app.command("approve")
def approve(agent: Agent, name: Server, yes: Yes = False) -> None:
    """Approve what a server offers now. Nobody may use a new tool until you allow it."""
    from discreet.schemas.tools import ToolChangesToApprove
    from discreet.services.tool_servers import approve_tools, get_tool_server

    async def read(app: App) -> ToolServer:
        return await get_tool_server(app.tools, app.owner_id, await _agent(app, agent), name)

    found = in_app(read)
    if found.digest is None:
        _say(f"{name} offers what you approved.")
        return
    _print_changes(found)
    if not yes and not typer.confirm("Approve these changes?"):
        raise typer.Exit(1)
    given = ToolChangesToApprove(digest=found.digest)

    async def work(app: App) -> ToolServer:
        agent_id = await _agent(app, agent)
        return await approve_tools(app.tools, app.owner_id, agent_id, name, given)

    in_app(work)
    _say("Approved.")


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
            help="contact: each call is shown to the person in the conversation, and needs their"
            " yes; the default for tools that don't say that they only read. owner: yours, in"
            " your chat, the dashboard or here (sb agents tools calls).",
        ),
    ] = None,
) -> None:
    """Say who may use tools of a server. It holds for the next call."""
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

    _print(in_app(work))


async def _agent(app: App, name: str) -> AgentId:
    from discreet.services.agents import get_agent

    return (await get_agent(app.db, app.owner_id, name)).id


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadInput(f"The command can't be read: {error}.") from None
    if not words:
        raise BadInput("The command is empty.")
    return words


def _secrets(named: list[str] | None) -> dict[str, str]:
    """Read secrets from files, the terminal without echo, or standard input."""
    return dict(_secret(one) for one in named or [])


def _secret(asked: str) -> tuple[str, str]:
    name, _, file = asked.partition("@")
    if not name or "=" in name:
        raise BadInput(
            f"{asked!a} is not a name.", hint="Write NAME, and you are asked, or NAME@FILE."
        )
    if file:
        try:
            with Path(file).open("rb") as opened:
                text = opened.read(MAX_SECRET_BYTES).decode()
        except (OSError, UnicodeDecodeError):
            raise BadInput(f"{file!a} can't be read.", hint="Use a text file.") from None
    elif sys.stdin.isatty():
        from getpass import getpass

        text = getpass(f"{name} (it is not shown): ")
    else:
        text = sys.stdin.readline(MAX_SECRET_BYTES)
    if not text.strip():
        raise BadInput(f"{name} is empty.")
    return name, text.strip()


def _notes(item: ToolServer) -> str:
    notes = [
        "shared" if item.shared else "",
        "no sandbox" if item.trusted else "",
        "everybody signs in" if item.signs_in else "",
        f"{len(item.changes)} changes to approve" if item.changes else "",
        item.last_error,
    ]
    return "; ".join(note for note in notes if note)


def _record(item: ToolServer) -> Mapping[str, Any]:
    return item.model_dump(mode="json")


def _print(item: ToolServer) -> None:
    from discreet.cli.printing import Column, print_list

    _say(f"{item.name} of {item.agent}: {item.url or shlex.join(item.command)}")
    if notes := _notes(item):
        _say(notes)
    if item.secrets:
        _say(f"Secrets: {', '.join(item.secrets)}")
    columns: list[Column[ServerTool]] = [
        Column("TOOL", lambda tool: tool.called, whole=True),
        Column("ALLOWED", _who),
        Column("GROUPS", lambda tool: "yes" if tool.in_groups else "no"),
        Column("CONFIRM", lambda tool: tool.confirm),
        Column("CHANGES THINGS", lambda tool: "no" if tool.reads_only else "maybe"),
        Column("DESCRIPTION", lambda tool: tool.description),
    ]
    print_list(item.tools, columns, dict, as_json=False, empty="It has no tools.")
    _print_changes(item)


def _print_changes(item: ToolServer) -> None:
    from discreet.cli.printing import print_text

    for change in item.changes:
        print_text(f"{change.kind}: {change.tool}")
        if change.description is not None:
            print_text(f"    {' '.join(change.description.split())}")
            print_text(f"    {change.arguments}")
    if item.changes:
        print_text("Until you approve it, the agent uses what you approved before.")


def _who(tool: ServerTool) -> str:
    return ", ".join(tool.labels) if tool.allowed == "labels" else tool.allowed


def _say(line: str) -> None:
    from discreet.cli.printing import print_text

    print_text(line)
