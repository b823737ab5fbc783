"""The program ``sb``: the command line, and the doors that it opens for machines.

Entrypoints never import each other; here is where they meet.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from discreet.app import App


def run() -> None:
    """Runs ``sb``."""
    from discreet.entrypoints.cli import serve
    from discreet.entrypoints.cli.main import run as run_command

    serve.doors = _doors
    run_command()


@asynccontextmanager
async def _doors(app: App) -> AsyncIterator[str]:
    """The doors for machines, open; under which address they are."""
    from discreet.doors import machine_doors
    from discreet.listening import listening

    async with listening(machine_doors(app), app.settings.listen) as address:
        yield address
