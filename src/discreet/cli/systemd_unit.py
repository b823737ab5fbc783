"""The systemd unit that runs ``sb serve``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from discreet.domain.errors import BadInput

__all__ = ["Unit", "environment_file"]

# Starts with an empty list and adds what a server needs: sockets of the network and of this
# machine, its own home, and the system calls of ordinary services. MemoryDenyWriteExecute is left
# out, because PostgreSQL and numerical libraries may compile code at run time.
_FOR_ALL = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077
"""
# A user's own service manager may not use these.
_FOR_SYSTEM = """\
CapabilityBoundingSet=
AmbientCapabilities=
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
ProtectSystem=strict
ProtectHome=read-only
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """The variable parts of a unit.

    Attributes:
        program: The absolute path of ``sb``.
        home: The installation's home. A system service may not write anywhere else.
        account: The account of a system service; None for a user's own service.
    """

    program: Path
    home: Path
    account: str | None

    def text(self) -> str:
        """Return the unit file.

        Raises:
            BadInput: a path has a character that a unit file can't contain.
        """
        target = "multi-user.target" if self.account else "default.target"
        identity = f"User={self.account}\n" if self.account else ""
        system = (
            f"{_FOR_SYSTEM}ReadWritePaths={_quoted(self.home, in_command=False)}\n"
            if self.account
            else ""
        )
        return f"""\
# Written by: sb service install
[Unit]
Description=Discreet, an agent for many people
Wants=network-online.target
After=network-online.target postgresql.service
StartLimitIntervalSec=0

[Service]
Type=exec
{identity}ExecStart={_quoted(self.program)} serve
Environment={_quoted(f"DISCREET_HOME={self.home}", in_command=False)}
EnvironmentFile=-{_escaped(environment_file(self.home))}
WorkingDirectory={_escaped(self.home)}
Restart=always
RestartSec=3
# Turns that have begun may end, and the embedded database stops after them.
TimeoutStopSec=60
KillMode=mixed
{_FOR_ALL}{system}
[Install]
WantedBy={target}
"""


def environment_file(home: Path) -> Path:
    """Return the file from which a service reads its settings and keys."""
    return home / "service.env"


def environment_text(environment: Mapping[str, str], names: Sequence[str]) -> str:
    """Return the named variables, one per line in systemd's format.

    Raises:
        BadInput: a value has a line break.
    """
    lines = []
    for name in names:
        value = environment[name]
        if "\n" in value:
            raise BadInput(f"{name} has a line break; a service can't be given it.")
        lines.append(f"{name}={_in_double_quotes(value)}\n")
    return "".join(lines)


def _in_double_quotes(text: str) -> str:
    # In an environment file only these characters are special between double quotes.
    return '"{}"'.format(re.sub(r'(["\\`$])', r"\\\1", text))


def _escaped(value: Path | str) -> str:
    text = str(value)
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise BadInput(f"A unit file can't contain this: {text!a}")
    # % begins a specifier.
    return text.replace("%", "%%")


def _quoted(value: Path | str, *, in_command: bool = True) -> str:
    text = _escaped(value).replace("\\", "\\\\").replace('"', '\\"')
    # In a command $ begins a variable.
    return '"{}"'.format(text.replace("$", "$$") if in_command else text)
