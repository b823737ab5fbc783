"""``sb service``: run the server at every start of the machine."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.domain.errors import BadInput, Conflict, DiscreetError, NotFound

if TYPE_CHECKING:
    from discreet.cli.systemd_unit import Unit

app = typer.Typer(no_args_is_help=True, help="Run the server with systemd.")

SYSTEM_FOLDER = Path("/etc/systemd/system")
SYSTEMD_RUNS = Path("/run/systemd/system")
_KEYS = ("_API_KEY", "_PROXY")

OwnService = Annotated[
    bool,
    typer.Option(
        "--user",
        help="As a service of your own account. Without it: a system service, which is safer and"
        " needs root.",
    ),
]  # fmt: skip
Account = Annotated[
    str | None,
    typer.Option(
        "--account",
        metavar="NAME",
        help="The account that the system service runs as. Default: the account that owns "
        "the home.",
    ),
]


@app.command("show")
def show(user: OwnService = False, account: Account = None) -> None:
    """Print the systemd unit; write nothing."""
    print(_unit(user, account).text(), end="")


@app.command("install")
def install(
    user: OwnService = False,
    account: Account = None,
    start: Annotated[
        bool, typer.Option("--start/--no-start", help="Start it now and after every boot.")
    ] = True,
) -> None:
    """Write a systemd unit for this installation and start it.

    The DISCREET_... variables and the API keys that are set now are written to service.env in the
    home, which only its owner can read, unless that file exists.
    """
    from discreet.cli.printing import print_text
    from discreet.cli.systemd_unit import environment_file

    unit = _unit(user, account)
    path = _path(user)
    if not user and os.geteuid() != 0:
        raise BadInput(
            f"Only root can write {path}.",
            hint=f"Repeat with: sudo DISCREET_HOME={unit.home} {unit.program} service install"
            " Or run it as a service of your own account: sb service install --user",
        )
    text = unit.text()
    if path.exists() and not path.read_text().startswith(text.splitlines()[0]):
        raise Conflict(f"{path} was not written by Discreet.", hint="Move it away first.")
    if not unit.home.exists():
        unit.home.mkdir(mode=0o700, parents=True)
        if unit.account is not None:
            shutil.chown(unit.home, unit.account)
    if unit.account is not None:
        check_that_it_can_run(unit.program, unit.home, unit.account)
    settings = environment_file(unit.home)
    written = _write_environment(settings, unit.account)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print_text(f"Written: {path}")
    if written:
        print_text(f"Written: {settings}, with {', '.join(written)}")
    if start:
        hint = "The unit was written. Without systemd, start: sb serve"
        _systemctl(user, "daemon-reload", hint=hint)
        _systemctl(user, "enable", "--now", path.name, hint=hint)
        print_text(f"It is running. Its log: journalctl {'--user ' * user}-u {path.stem} -f")
    else:
        print_text(f"Next: systemctl {'--user ' * user}enable --now {path.stem}")
    if user:
        print_text("To keep it running while you are signed out: sudo loginctl enable-linger $USER")


@app.command("remove")
def remove(user: OwnService = False) -> None:
    """Stop the service and delete its unit. The installation is kept."""
    from discreet.cli.printing import print_text

    path = _path(user)
    if not path.exists():
        raise NotFound(f"{path} doesn't exist.")
    if not user and os.geteuid() != 0:
        raise BadInput(f"Only root can remove {path}.", hint="Repeat with sudo.")
    # Where systemd isn't running, no service is either.
    if SYSTEMD_RUNS.exists() and shutil.which("systemctl"):
        hint = f"The service and {path} were left as they are."
        _systemctl(user, "disable", "--now", path.name, hint=hint)
    path.unlink()
    print_text(f"Removed: {path}. The installation is kept.")


def _unit(user: bool, account: str | None) -> Unit:
    from discreet.cli.systemd_unit import Unit
    from discreet.postgres.folders import Layout, socket_fits
    from discreet.settings import load_settings

    home = load_settings().home
    program = Path(sys.argv[0]).absolute()
    if user:
        if account is not None:
            raise BadInput("--user and --account can't be used together.")
        return Unit(program, home, None)
    if not socket_fits(Layout(home).run):
        # The socket would be in a temporary folder, and a service has its own.
        raise BadInput(
            f"The path of the home is too long for a service: {home}",
            hint="Choose a shorter one with DISCREET_HOME.",
        )
    name = account or pwd.getpwuid((home if home.exists() else Path.home()).stat().st_uid).pw_name
    try:
        number = pwd.getpwnam(name).pw_uid
    except KeyError:
        raise NotFound(
            f"There is no account {name!a} on this machine.",
            hint=f"Create one: sudo useradd --system --create-home {name}",
        ) from None
    if number == 0:
        raise BadInput(
            "The server does not need root, and the unit gives it none.",
            hint="Name another account that owns the home: --account NAME",
        )
    return Unit(program, home, name)


def _path(user: bool) -> Path:
    folder = SYSTEM_FOLDER
    if user:
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        folder = Path(base) / "systemd" / "user"
    return folder / "discreet.service"


def _write_environment(path: Path, account: str | None) -> list[str]:
    """Write the current settings, unless the file exists, and return the names of the variables."""
    from discreet.cli.systemd_unit import environment_text
    from discreet.postgres.private_files import write_private

    names = sorted(
        name
        for name in os.environ
        if (name.startswith("DISCREET_") and name != "DISCREET_HOME") or name.endswith(_KEYS)
    )
    if path.exists() or not names:
        return []
    text = environment_text(os.environ, names)
    write_private(path, text)
    if account is not None:
        shutil.chown(path, account)
    return names


def check_that_it_can_run(program: Path, home: Path, account: str) -> None:
    """Run the program in the home as the account; only root can."""
    script = 'cd "$1" && exec "$2" version'
    command = ["/bin/sh", "-c", script, "sh", str(home), str(program)]
    number = pwd.getpwnam(account)
    done = subprocess.run(  # noqa: S603
        command,
        user=number.pw_uid,
        group=number.pw_gid,
        extra_groups=os.getgrouplist(account, number.pw_gid),
        env={"PATH": os.defpath, "DISCREET_HOME": str(home), "HOME": number.pw_dir},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    raise BadInput(
        f"The account {account!a} can't run {program} in {home}: {reason}",
        hint="Both must be where this account may read them. Install the program for every account:"
        " sudo env UV_TOOL_DIR=/opt/uv-tools UV_TOOL_BIN_DIR=/usr/local/bin uv tool install ."
        " Choose a home with DISCREET_HOME, such as /var/lib/discreet/home.",
    )


def _systemctl(user: bool, *arguments: str, hint: str) -> None:
    command = ["systemctl", *(["--user"] if user else []), *arguments]
    if not SYSTEMD_RUNS.exists():
        raise DiscreetError("This machine doesn't run systemd.", hint=hint)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise DiscreetError("systemctl was not found.", hint=hint) from None
    if done.returncode != 0:
        raise DiscreetError(
            f"{' '.join(command)} failed: {done.stderr.strip() or done.returncode}", hint=hint
        )
