"""``sb backup`` and ``sb restore``: save an installation to one file and load it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from discreet.cli.options import AdminUrl, InstallationName, ResetRoles
from discreet.cli.runtime import Notice

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup file.")]


def backup(file: File, admin_url: AdminUrl = None) -> None:
    """Back up everything to one file that only you can read. The server can keep running."""
    from discreet.cli.printing import print_text
    from discreet.postgres.backup import backup as write_backup
    from discreet.settings import load_settings

    with Notice() as notice:
        write_backup(load_settings(), file, admin_url=admin_url, progress=notice.show)
    print_text(
        f"Written: {file} ({file.stat().st_size:,} bytes). It contains everything; keep it safe."
    )


def restore(
    file: File,
    admin_url: AdminUrl = None,
    name: InstallationName = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace the data in the current home. The old data is lost."
        ),
    ] = False,
    reset_roles: ResetRoles = False,
) -> None:
    """Restore a backup into an empty home."""
    from discreet.cli.printing import print_text
    from discreet.postgres.restore import restore_backup
    from discreet.settings import load_settings

    settings = load_settings()
    with Notice() as notice:
        restore_backup(
            settings,
            file,
            admin_url=admin_url,
            name=name,
            overwrite=overwrite,
            reset_roles=reset_roles,
            progress=notice.show,
        )
    print_text(f"Restored into {settings.home}. Next: sb status")
