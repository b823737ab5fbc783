"""The data folder of the embedded server: creating it whole or not at all, and running it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from discreet.domain.errors import Unavailable
from discreet.postgres.binaries import ENVIRONMENT, program
from discreet.postgres.folders import Layout
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.unprivileged import Runner, give_to

__all__ = ["create_cluster", "server_command"]

# Every user of the socket proves a password, even the superuser. Not `peer`: for root, the server
# runs in a user namespace, in which all users of the machine look the same.
PG_HBA = "local all all scram-sha-256\n"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "300",  # for 8 processes of a server; only open ones use memory
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    # A page is logged whole when it first changes after a checkpoint: less often, and compressed.
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    # Without statistics, PostgreSQL looks for a row by the owner's id rather than its own. Tables
    # whose rows live for seconds have their own threshold.
    "autovacuum_analyze_threshold": "100",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "ISO",
    # An error's text, detail and statement can quote a message, so none of them is logged. They all
    # reach the program that caused them. Starts, stops and failures of the server are logged.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
}

# For tests: the data survives killed processes but not a power failure, and nothing vacuums.
THROW_AWAY_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "2GB",
    "scram_iterations": "1",  # a client hashes this often for each of thousands of connections
}


def create_cluster(layout: Layout, runner: Runner, admin_password: str, *, durable: bool) -> None:
    """Create the data folder under a temporary name and rename it when it is complete.

    Raises:
        Unavailable: the disk is full, or a permission is missing.
    """
    draft = layout.database / "unfinished"
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        give_to(runner, draft)
        _initdb(draft, runner, admin_password, durable=durable)
        (draft / "pg_hba.conf").write_text(PG_HBA)
        draft.rename(layout.data)
    except OSError as error:
        raise Unavailable(
            f"The database can't be created in {layout.database}: {error.strerror}."
        ) from None


def _initdb(folder: Path, runner: Runner, admin_password: str, *, durable: bool) -> None:
    command = [
        *runner.prefix,
        program("initdb"),
        f"--pgdata={folder}",
        f"--username={ADMIN_ROLE}",
        "--pwfile=/dev/stdin",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--data-checksums",
        "--no-instructions",
    ]
    if not durable:
        command += ["--no-sync", "--set=scram_iterations=1"]
    elif sys.platform == "linux":
        # One call for all files; a thousand single syncs take seconds on a busy disk.
        command.append("--sync-method=syncfs")
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command,
        env=ENVIRONMENT,
        input=admin_password + "\n",
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        reason = _reason(done.stderr)
        raise Unavailable(
            f"The database can't be created in {folder.parent}: {reason}.",
            hint="Free some space, fix the permissions, or choose another folder with "
            "DISCREET_HOME.",
        )


def _reason(output: str) -> str:
    """Return the first error printed by initdb or by the server that it runs."""
    for line in output.splitlines():
        for mark in ("PANIC: ", "FATAL: ", "ERROR: ", "initdb: error: "):
            if mark in line:
                return line.split(mark, 1)[1].strip().rstrip(".")
    return "initdb gave no reason"


def server_command(layout: Layout, runner: Runner, sockets: Path, *, durable: bool) -> list[str]:
    """Return the command that runs the server, with the settings of this version."""
    settings = SETTINGS | ({} if durable else THROW_AWAY_SETTINGS)
    command = [*runner.prefix, program("postgres"), "-D", str(layout.data), "-k", str(sockets)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command
