"""Run PostgreSQL for root, which it refuses to run as.

It runs in a user namespace or, if those are forbidden (as in many containers), as the user
``nobody``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from discreet.domain.errors import Unavailable
from discreet.postgres.binaries import ENVIRONMENT

__all__ = ["Runner", "find_runner", "give_to"]


@dataclass(frozen=True, slots=True)
class Runner:
    """How to run a PostgreSQL program: the command prefix, and the owner of its files."""

    prefix: tuple[str, ...]
    uid: int
    gid: int


def find_runner() -> Runner:
    """Return the method that works here.

    Raises:
        Unavailable: we are root, and neither method works.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0:
        return Runner((), uid, gid)
    for runner in (_namespace(), _nobody()):
        if runner and _works(runner):
            return runner
    raise Unavailable(
        "PostgreSQL can't run as root, and neither `unshare --user` nor `setpriv` works here.",
        hint="Run as an ordinary user, or use your own server: sb db init --admin-url ...",
    )


def give_to(runner: Runner, folder: Path) -> None:
    """Give a data folder to the user that the server will run as, as PostgreSQL requires."""
    if folder.stat().st_uid == runner.uid:
        return
    for place, _, files in os.walk(folder):
        os.chown(place, runner.uid, runner.gid)
        for name in files:
            os.chown(Path(place) / name, runner.uid, runner.gid, follow_symlinks=False)


def _namespace() -> Runner | None:
    """Inside, root's files belong to nobody, as which the server runs; outside they stay root's."""
    unshare = shutil.which("unshare")
    user = _nobody_entry()
    if not unshare or not user:
        return None
    words = ("--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}", "--")
    return Runner((unshare, *words), 0, 0)


def _nobody() -> Runner | None:
    """Files of ``nobody`` in a folder of root. The one capability kept lets it reach them there."""
    setpriv = shutil.which("setpriv")
    user = _nobody_entry()
    if not setpriv or not user:
        return None
    words = (
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--no-new-privs",
        "--inh-caps=-all,+dac_override",
        "--ambient-caps=-all,+dac_override",
        "--bounding-set=-all,+dac_override",
        "--",
    )
    return Runner((setpriv, *words), user.pw_uid, user.pw_gid)


def _nobody_entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return None


def _works(runner: Runner) -> bool:
    tried = subprocess.run(  # noqa: S603 - our own words, no shell
        [*runner.prefix, "/bin/sh", "-c", "test $(id -u) -ne 0"],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0
