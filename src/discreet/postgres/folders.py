"""The folders of an installation, private to their user."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from discreet.domain.errors import Unavailable

__all__ = ["Layout", "make_layout", "socket_fits", "socket_folder"]

SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 107  # bytes; struct sockaddr_un


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below the home. ``database`` is ours; PostgreSQL's own folder is inside it."""

    home: Path

    @property
    def database(self) -> Path:
        return self.home / "database"

    @property
    def data(self) -> Path:
        return self.database / "data"

    @property
    def log(self) -> Path:
        return self.database / "server.log"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def start_lock(self) -> Path:
        return self.run / "start.lock"

    @property
    def clients_lock(self) -> Path:
        return self.run / "clients.lock"

    @property
    def supervisor_lock(self) -> Path:
        return self.run / "supervisor.lock"

    @property
    def server_lock(self) -> Path:
        return self.run / "server.lock"

    @property
    def socket_note(self) -> Path:
        """The file that records the socket folder if it isn't ``run``."""
        return self.run / "socket-folder"


def make_layout(home: Path) -> Layout:
    """Create missing folders with mode 0700 and return all of them. Existing modes are not changed.

    Raises:
        Unavailable: one can't be created, belongs to another user or is open to others.
    """
    layout = Layout(home)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_strangers_home(home)
        for folder in (layout.database, layout.run):
            folder.mkdir(mode=0o700, exist_ok=True)
            _refuse_open(folder)
    except OSError as error:
        raise _unusable(f"folder {error.filename or home}", error) from None
    return layout


def open_lock(path: Path) -> int:
    """Open the file of a lock and return its descriptor.

    Raises:
        Unavailable: it can't be opened or created, as in a home that is read-only.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(f"file {path}", error) from None


def _unusable(what: str, error: OSError) -> Unavailable:
    return Unavailable(
        f"The {what} can't be used: {error.strerror}.",
        hint="Free some space, fix the permissions, or choose another folder with DISCREET_HOME.",
    )


def socket_folder(layout: Layout, *, make: bool) -> Path | None:
    """Return the server's socket folder, or None if there is none and ``make`` is false.

    It is ``run``, or if that path doesn't suit a socket, a private folder in the runtime or
    temporary folder, whose path is recorded in ``run``.

    Raises:
        Unavailable: the folder isn't private to us.
    """
    if socket_fits(layout.run):
        return layout.run
    if layout.socket_note.exists():
        folder = Path(os.fsdecode(layout.socket_note.read_bytes()))
        if folder.is_symlink() or folder.exists():
            _refuse_open(folder)
            return folder
    if not make:
        return None
    folder = Path(tempfile.mkdtemp(prefix="discreet-", dir=_runtime_folder()))
    if not socket_fits(folder):
        folder.rmdir()
        raise Unavailable(
            f"The temporary folder {folder.parent} can't contain a socket.",
            hint="Set TMPDIR to a folder with a short, plain path.",
        )
    layout.socket_note.write_bytes(os.fsencode(folder))
    return folder


def socket_fits(folder: Path) -> bool:
    """Return whether the folder's path is short and plain enough for a socket in it."""
    path = os.fsencode(folder / SOCKET_NAME)
    return len(path) <= SOCKET_PATH_LIMIT and not set(b',"\n') & set(path)


def _runtime_folder() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir() and Path(runtime).stat().st_uid == os.geteuid():
        return runtime
    return tempfile.gettempdir()


def _refuse_open(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise Unavailable(f"{folder} belongs to another user, so it isn't used.")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise Unavailable(
            f"{folder} is open to others, so it isn't used.",
            hint=f"Make it private: chmod 700 {folder}",
        )


def _refuse_strangers_home(home: Path) -> None:
    """Refuse a home in which others could rename files and put their own server in place."""
    status = home.stat()
    if os.geteuid() != 0 and status.st_uid not in (os.geteuid(), 0):
        raise Unavailable(f"{home} belongs to another user, so it isn't used.")
    if stat.S_IMODE(status.st_mode) & 0o002 and not status.st_mode & stat.S_ISVTX:
        raise Unavailable(
            f"Everybody can write to {home}, so it isn't used.", hint=f"chmod o-w {home}"
        )
