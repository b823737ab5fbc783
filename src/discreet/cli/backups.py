"""``sb backup``, ``sb backups`` and ``sb restore``: save an installation and load it again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.notice import Notice
from discreet.cli.options import AdminUrl, AsJson, InstallationName, ResetRoles
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.postgres.backup_encryption import BackupKeys, Locked, Plain, Unlocking
    from discreet.schemas.backups import BackupFile, BackupList, BackupSchedule

app = typer.Typer(help="List, check and schedule backups.", no_args_is_help=True)

DEFAULT_KEEP = 14
SHORTEST_MINUTES = 5

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", metavar="FILE", help="A file whose first line is the passphrase."
    ),
]
Identity = Annotated[
    Path | None,
    typer.Option("--identity", metavar="FILE", help="The private key of a recipient."),
]


def backup(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The file to write.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FOLDER", help="Name the file after the time, in a folder."),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            "--every",
            metavar="TIME",
            help="With --to: such as 24h or 7d; the server repeats it. Replaces the schedule.",
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep", metavar="N", min=1, help="With --to: keep the last N and delete older ones."
        ),
    ] = None,
    recipients: Annotated[
        list[str] | None,
        typer.Option(
            "--recipient",
            metavar="KEY",
            help="Encrypt for this public key (age1...), which has no passphrase. Repeatable.",
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
    plain: Annotated[bool, typer.Option("--plain", help="Don't encrypt the backup.")] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Restore the backup once, as a trial.")
    ] = True,
    admin_url: AdminUrl = None,
) -> None:
    """Back up everything to one encrypted file. The server can keep running.

    Without a key it asks for a passphrase.
    """
    from discreet.cli.printing import print_text
    from discreet.postgres.backup import backup as write_backup
    from discreet.settings import load_settings

    if (file is None) == (to is None):
        raise BadInput("Say where to write the backup.", hint="Use a file name, or --to FOLDER.")
    if to is None and (every is not None or keep is not None):
        raise BadInput("--every and --keep need a folder.", hint="Use --to FOLDER.")
    keys = _keys(recipients or [], passphrase_file, plain=plain)
    if to is not None:
        make_folder(to)
    if to is not None and every is not None:
        _set_schedule(to, every, keep, keys)
        return
    settings = load_settings()
    target = file or _dated(to or Path())
    with Notice() as notice:
        write_backup(
            settings, target, keys=keys, check=check, admin_url=admin_url, progress=notice.show
        )
    if to is not None and keep is not None:
        _prune(target.parent, keep)
    print_text(
        f"Written{' and checked' if check else ''}: {target} ({target.stat().st_size:,} bytes). "
        + ("It is not encrypted and contains everything; keep it safe." if plain
           else "Without its passphrase or private key nobody can read it.")
    )  # fmt: skip


def _dated(folder: Path) -> Path:
    from datetime import UTC, datetime

    from discreet.postgres.backup_schedule import backup_name

    return folder / backup_name(datetime.now(UTC))


def _prune(folder: Path, keep: int) -> None:
    from datetime import timedelta

    from discreet.postgres.backup_encryption import PLAIN
    from discreet.postgres.backup_schedule import Schedule
    from discreet.services.scheduled_backup import prune

    prune(Schedule(folder, timedelta(), keep, PLAIN))


def _set_schedule(to: Path, every: str, keep: int | None, keys: BackupKeys | Plain) -> None:
    from datetime import timedelta

    from discreet.auth.tokens import parse_lasting
    from discreet.cli.printing import print_text
    from discreet.postgres.backup_schedule import (
        Schedule,
        remove_schedule,
        save_schedule,
    )
    from discreet.settings import load_settings

    interval = parse_lasting(every)
    if interval < timedelta(minutes=SHORTEST_MINUTES):
        raise BadInput(f"--every must be at least {SHORTEST_MINUTES}m.")
    folder = to.expanduser().absolute()
    home = load_settings().home
    remove_schedule(home)
    save_schedule(home, Schedule(folder, interval, keep or DEFAULT_KEEP, keys))
    print_text(
        f"A running server (sb serve) backs up to {folder} every {every} from now on and keeps"
        f" {keep or DEFAULT_KEEP}. sb status shows the result; sb backups stop ends it."
    )


def make_folder(folder: Path) -> None:
    """Make the last part of a path, readable only by its owner, if it is missing.

    Raises:
        BadInput: it isn't a folder, or can't be created or written.
    """
    import tempfile

    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"The folder {folder} can't be created: {error.strerror}.",
            hint="Choose another one, or create it.",
        ) from None
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInput(
            f"Nothing can be written in the folder {folder}: {error.strerror}.",
            hint="Choose another one.",
        ) from None


@app.command("list")
def list_all(
    as_json: AsJson = False,
) -> None:
    """List this home's backups that still exist, and the schedule."""
    from discreet.cli.printing import Column, print_list, print_text, when
    from discreet.services.backups import list_backups
    from discreet.settings import load_settings

    found = list_backups(load_settings().home)
    columns: list[Column[BackupFile]] = [
        Column("MADE", lambda item: when(item.made_at), whole=True),
        Column("BYTES", lambda item: f"{item.bytes:,}"),
        Column("ENCRYPTED", lambda item: "yes" if item.encrypted else "no"),
        Column("FILE", lambda item: item.file),
    ]
    print_list(
        found.items, columns, lambda item: item.model_dump(), as_json=as_json,
        empty="No backups found.",
    )  # fmt: skip
    if not as_json:
        print_text(f"\nSchedule: {describe_schedule(found.schedule)}")


def describe_backups(found: BackupList) -> str:
    """Say when backups are written, and when the last one was, by hand or on schedule."""
    from discreet.domain.amounts import ago

    schedule = found.schedule
    made = [(item.made_at, item.bytes) for item in found.items]
    if schedule is not None and schedule.last_made_at is not None:
        made.append((schedule.last_made_at, schedule.last_bytes))  # it may be gone since
    at, size = max(made, default=(None, 0))
    last = f"the last {ago(at)}, {size:,} bytes" if at else "none yet"
    if schedule is None:
        return f"{last}; none on schedule (sb backup --to FOLDER --every 24h)"
    return f"{_interval(schedule)}; {last}"


def describe_schedule(schedule: BackupSchedule | None) -> str:
    """Say when backups are written on schedule, and the result of the last one."""
    from discreet.domain.amounts import ago

    if schedule is None:
        return "none (sb backup --to FOLDER --every 24h)"
    last = (
        f"the last {ago(schedule.last_made_at)}, {schedule.last_bytes:,} bytes"
        if schedule.last_made_at
        else "none written by it yet"
    )
    return f"{_interval(schedule)}; {last}"


def _interval(schedule: BackupSchedule) -> str:
    return f"every {_every(schedule.every_seconds)} to {schedule.folder}"


def _every(seconds: float) -> str:
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds % unit == 0:
            return name[:-1] if seconds == unit else f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"


@app.command("stop")
def stop() -> None:
    """Stop the scheduled backups. Existing backups are kept."""
    from discreet.cli.printing import print_text
    from discreet.postgres.backup_schedule import remove_schedule
    from discreet.settings import load_settings

    ended = remove_schedule(load_settings().home)
    print_text("The server makes no more backups." if ended else "No backups are scheduled.")


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup file.")],
    identity: Identity = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Restore a backup into a temporary database and compare its rows."""
    from discreet.cli.printing import print_text
    from discreet.postgres.backup_check import check_backup
    from discreet.settings import load_settings

    settings = load_settings()
    unlocking = _unlocking(file, identity, passphrase_file, otherwise="Nothing was checked.")
    with Notice() as notice:
        notice.show("Restoring it as a trial.")
        checked = check_backup(settings.home, file, unlocking)
    print_text(
        f"{file} can be restored: made {checked.made_at} by version {checked.version}, "
        f"{checked.rows:,} rows."
    )


@app.command("keygen")
def keygen(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file for the private key.")],
) -> None:
    """Make a key pair for backups: the private key into a file, the public key on the screen.

    Keep the private key away from the backups and this machine.
    """
    from discreet.cli.printing import print_text
    from discreet.domain.errors import Conflict
    from discreet.postgres.backup_encryption import new_identity
    from discreet.postgres.private_files import write_private

    if file.exists():
        raise Conflict(f"{file} already exists.", hint="Choose another name.")
    if not file.absolute().parent.is_dir():
        raise BadInput(f"The folder {file.absolute().parent} does not exist.")
    private, public = new_identity()
    write_private(file.absolute(), f"# public key: {public}\n{private}\n")
    print_text(public)
    print(
        f"The private key is in {file}. Without it no backup for this recipient can be read.",
        file=sys.stderr,
    )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup file.")],
    admin_url: AdminUrl = None,
    name: InstallationName = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace the data in the current home. The old data is lost."
        ),
    ] = False,
    reset_roles: ResetRoles = False,
    identity: Identity = None,
    passphrase_file: PassphraseFile = None,
    erasures: Annotated[
        Path | None,
        typer.Option(
            "--erasures",
            metavar="FILE",
            help="The list of erasures; by default discreet-erasures.jsonl beside the backup.",
        ),
    ] = None,
    without_erasures: Annotated[
        bool,
        typer.Option(
            "--without-erasures", help="Don't read the list of erasures: erased contacts come back."
        ),
    ] = False,
) -> None:
    """Restore a backup into an empty home. Contacts erased since then stay erased."""
    from discreet.cli.missing_secrets import print_secretless
    from discreet.cli.printing import print_text
    from discreet.domain.amounts import counted
    from discreet.postgres.restore import restore_backup
    from discreet.services.backups import erase_again
    from discreet.settings import load_settings

    settings = load_settings()
    unlocking = _unlocking(file, identity, passphrase_file, otherwise="Nothing was restored.")
    with Notice() as notice:
        restored = restore_backup(
            settings,
            file,
            admin_url=admin_url,
            name=name,
            overwrite=overwrite,
            reset_roles=reset_roles,
            unlocking=unlocking,
            erasures=erasures,
            without_erasures=without_erasures,
            erase=erase_again,
            progress=notice.show,
        )
    print_text(f"Restored into {settings.home}, as of {restored.made_at}.")
    if restored.erased_again:
        print_text(
            f"{counted(restored.erased_again, 'contact')} erased since then, and now erased again."
        )
    if not restored.erasures_listed:
        print_text(
            "The list of erasures (discreet-erasures.jsonl beside the backup) was not read: a"
            " contact that was erased after the backup may be back. If there was one, erase it"
            " again: sb contacts erase WHO"
        )
    print_secretless()
    print_text("Next: sb status")


def _keys(
    recipients: list[str], passphrase_file: Path | None, *, plain: bool
) -> BackupKeys | Plain:
    from discreet.cli.asking import ask_new_secret
    from discreet.postgres.backup_encryption import (
        PLAIN,
        keys_of_passphrase,
        keys_of_recipients,
    )

    if [bool(recipients), passphrase_file is not None, plain].count(True) > 1:
        raise BadInput("Use one of --recipient, --passphrase-file and --plain.")
    if plain:
        return PLAIN
    if recipients:
        return keys_of_recipients(recipients)
    if passphrase_file is not None:
        return keys_of_passphrase(_first_line(passphrase_file))
    if not sys.stdin.isatty():
        raise BadInput(
            "A backup is encrypted, and nobody can be asked for a passphrase.",
            hint="Use --recipient age1... (sb backups keygen FILE), --passphrase-file FILE or"
            " --plain.",
        )
    return keys_of_passphrase(ask_new_secret("Passphrase", otherwise="Nothing was backed up."))


def _unlocking(
    file: Path, identity: Path | None, passphrase_file: Path | None, *, otherwise: str
) -> Unlocking:
    from discreet.cli.asking import ask_secret
    from discreet.postgres.backup_encryption import Unlocking, lock_of, read_identities

    lock: Locked | None = lock_of(file)
    if lock is None:
        return Unlocking()
    identities = () if identity is None else read_identities(identity)
    passphrase = None if passphrase_file is None else _first_line(passphrase_file)
    if lock.passphrase and passphrase is None and not identities and sys.stdin.isatty():
        passphrase = ask_secret("Passphrase", otherwise=otherwise)
    return Unlocking(passphrase, identities)


def _first_line(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadInput(f"{file} can't be read: {why}.") from None
    return lines[0] if lines else ""
