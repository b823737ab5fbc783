"""``sb keys``: the public keys with which servers of tools check who is asking."""

from __future__ import annotations

import typer

from discreet.cli.runtime import in_app

app = typer.Typer(
    help="Show the public keys with which tool servers verify the signed identity.",
    no_args_is_help=True,
)


@app.callback()
def _keys() -> None:
    """Show the public keys with which tool servers verify the signed identity."""


@app.command("show")
def show() -> None:
    """Print the public keys as a JSON web key set, for servers that can't fetch it."""
    from discreet.app import App
    from discreet.cli.printing import print_json
    from discreet.services.tool_servers import signing_keys

    async def work(app: App) -> dict[str, object]:
        return signing_keys(app.tools).model_dump()

    print_json(in_app(work))
