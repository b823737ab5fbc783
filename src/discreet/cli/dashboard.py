"""``sb dashboard``: a link that signs a browser in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.runtime import in_app
from discreet.domain.errors import Unavailable

if TYPE_CHECKING:
    from discreet.app import App


def dashboard(
    sign_out: Annotated[
        bool, typer.Option("--sign-out", help="Sign every browser out instead.")
    ] = False,
) -> None:
    """Print a link that opens the dashboard. It works once, within ten minutes."""
    from discreet.cli.printing import print_text
    from discreet.cli.server_pid import running_server
    from discreet.domain.amounts import counted

    async def work(app: App) -> str:
        from discreet.auth.sign_ins import sign_out_everywhere

        if sign_out:
            ended = await sign_out_everywhere(app.db, app.owner_id)
            return f"Signed out: {counted(ended, 'browser')}."
        server = running_server(app.settings.home)
        address = app.settings.dashboard_url or (server.address if server else None)
        if address is None:
            raise Unavailable("No server is running on this machine.", hint="Start it: sb serve")
        return await sign_in_link(app, address)

    print_text(in_app(work))


async def sign_in_link(app: App, address: str) -> str:
    """Make a link that signs one browser in, at the dashboard's address."""
    from discreet.auth.sign_ins import create_sign_in_code

    return f"{address}/sign-in?code={await create_sign_in_code(app.db, app.owner_id)}"
