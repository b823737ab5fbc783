"""``sb agents tools add``: give an agent the tools of a server."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.options import checked
from discreet.cli.runtime import in_app
from discreet.cli.tool_printing import print_line, print_server
from discreet.cli.tool_secrets import read_secret, read_secrets, words_of
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.tools import ToolServer


def add(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.")],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A name for the server. Its tools are called NAME__tool."
        ),
    ],
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="The URL of a server that uses streamable HTTP."),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            "--command", metavar='"CMD ARGS"', help="A program that uses MCP over stdin and stdout."
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
            help="Share one session between all people. Only for a server that keeps nothing "
            "between calls: it may show the next person anything it keeps.",
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
            help="Each person connects their own account there (OAuth). Needs DISCREET_PUBLIC_URL.",
        ),
    ] = False,
    client_id: Annotated[
        str | None,
        typer.Option(
            "--client-id",
            metavar="ID",
            help="The id of a client that you registered there, if the server doesn't register "
            "clients itself.",
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
            help="Run the program without a sandbox. It can then read everything that you can, "
            "including this installation's credentials.",
        ),
    ] = False,
) -> None:
    """Add a server. Nobody may use its tools until you allow them: sb agents tools allow."""
    from discreet.schemas.tools import CommandToAdd, ToolServerToAdd
    from discreet.services.agents import get_agent
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
            headers=read_secrets(header),
            shared=shared,
            tells_addresses=tell_addresses,
            signs_in=sign_in,
            client_id=client_id,
            client_secret=None if client_secret is None else read_secret(client_secret)[1],
        )
    else:
        if header:
            raise BadInput("--header is for a --url.", hint="For a --command: --env")
        if sign_in or client_id or client_secret:
            raise BadInput("--sign-in, --client-id and --client-secret are for a --url.")
        given = checked(
            CommandToAdd,
            name=name,
            command=words_of(command or ""),
            environment=read_secrets(env),
            shared=shared,
            tells_addresses=tell_addresses,
            trusted=trust,
            ports=port or [],
            readable=[str(path.absolute()) for path in read or []],
        )

    async def work(app: App) -> ToolServer:
        found = await get_agent(app.db, app.owner_id, agent)
        return await add_tool_server(app.tools, app.owner_id, found.id, given)

    added = in_app(work)
    print_server(added)
    if added.signs_in and not added.tools:
        print_line(
            "It shows its tools only after sign-in. Connect your own account: sb agents"
            f" tools connect {shlex.quote(agent)} {name}"
        )
        return
    print_line(
        f"Nobody may use them yet. To allow one: sb agents tools allow {shlex.quote(agent)} {name}"
    )
