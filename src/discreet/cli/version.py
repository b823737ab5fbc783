"""``sb version`` and ``sb --version``."""

from __future__ import annotations

import typer


def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    print(f"discreet {installed('discreet')}")


def print_and_exit(wanted: bool) -> None:
    """Handle ``--version``, before any command is looked up."""
    if wanted:
        version()
        raise typer.Exit
