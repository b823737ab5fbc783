"""Invite a second machine to an installation, with one file that holds all credentials."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from discreet.domain.errors import BadInput, Conflict, Unavailable
from discreet.postgres.credentials import (
    TICKET_KEY_BYTES,
    Credentials,
    load_credentials,
    save_credentials,
)
from discreet.postgres.embedded import has_cluster
from discreet.postgres.folders import make_layout
from discreet.postgres.private_files import read_private, write_private
from discreet.postgres.roles import LOGIN_ROLES
from discreet.postgres.server import check_external

__all__ = ["Invitation", "invite", "join"]

FORMAT = 1
CERTIFICATE_NAME = "server-ca.pem"
DEFAULT_CERTIFICATE = Path("~/.postgresql/root.crt")
"""Where libpq looks by default."""
LOOPBACK = ("localhost", "127.", "::1", "/", "@")


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an invitation contains. ``only_here``: its host always means the local machine."""

    credentials: Credentials

    @property
    def only_here(self) -> bool:
        """Whether another machine would look for the database on itself."""
        hosts = self.credentials.host.split(",")
        return any(host.startswith(LOOPBACK) for host in hosts)


def invite(home: Path, file: Path) -> Invitation:
    """Write the credentials for a second machine to ``file`` (mode 0600).

    Raises:
        BadInput: the folder of ``file`` doesn't exist, or there is no database yet.
        Conflict: the database is the embedded one, or ``file`` exists.
        Unavailable: the credentials or the certificate can't be read.
    """
    credentials = load_credentials(home)
    if has_cluster(home) or (credentials is not None and credentials.embedded):
        raise Conflict(
            f"The database in {home} is the embedded one: it doesn't listen on a network, so no "
            "second machine can join it.",
            hint="Move to a PostgreSQL server first: sb backup FILE; then, with another "
            "DISCREET_HOME, sb restore --admin-url postgresql://... FILE",
        )
    if credentials is None:
        raise BadInput(f"{home} has no database yet.", hint="See: sb db init --help")
    if file.exists():
        raise Conflict(f"{file} already exists.", hint="Choose another name.")
    if not file.parent.is_dir():
        raise BadInput(f"The folder {file.parent} does not exist.")
    document = {
        "discreet": "an invitation to an installation",
        "format": FORMAT,
        "credentials": asdict(credentials),
        "certificate": _certificate_of(credentials),
    }
    write_private(file, json.dumps(document, indent=2))
    return Invitation(credentials)


def join(home: Path, file: Path) -> Credentials:
    """Use the database of an invitation from ``home``, after checking that it can be reached.

    A home that already uses that database gets the credentials of the invitation.

    Raises:
        BadInput: ``file`` is not an invitation.
        Conflict: ``home`` has another database.
        Unavailable: ``file`` is open to others, or the database can't be reached or fails a check.
    """
    credentials, certificate = _read(file)
    make_layout(home)
    known = load_credentials(home)
    if has_cluster(home) or (known is not None and not known.same_place(credentials)):
        raise Conflict(
            f"{home} already has another database.", hint="Choose another home with DISCREET_HOME."
        )
    if certificate is not None:
        path = home / CERTIFICATE_NAME
        write_private(path, certificate)
        credentials = replace(credentials, sslrootcert=str(path))
    check_external(credentials)
    save_credentials(home, credentials)
    return credentials


def _read(file: Path) -> tuple[Credentials, str | None]:
    text = read_private(file, "passwords")
    if text is None:
        raise BadInput(f"The file {file} does not exist.")
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise BadInput(f"{file} was made by a newer version.", hint="Update Discreet.")
        credentials, certificate = document["credentials"], document["certificate"]
        if isinstance(certificate, str | None) and _is_whole(credentials):
            return Credentials(**credentials), certificate
    except (ValueError, TypeError, KeyError):
        pass
    raise BadInput(
        f"{file} is not an invitation.",
        hint="Create one on a machine that serves: sb db invite FILE",
    )


def _is_whole(credentials: dict[str, Any]) -> bool:
    """Return whether credentials are those of an external server, and none is missing.

    Raises:
        KeyError, TypeError, ValueError: they aren't.
    """
    texts = [credentials[name] for name in ("host", "dbname", "ticket_key", "installation")]
    texts += [credentials["passwords"][role] for role in LOGIN_ROLES]
    return (
        credentials["embedded"] is False
        and all(isinstance(text, str) and text for text in texts)
        and len(bytes.fromhex(credentials["ticket_key"])) == TICKET_KEY_BYTES
        and len(credentials["host"].split(",")) == len(str(credentials["port"]).split(","))
    )


def _certificate_of(credentials: Credentials) -> str | None:
    """Return the text of the root certificate, or None if it isn't in a file."""
    named = credentials.sslrootcert
    if named == "system":
        return None
    path = Path(named) if named else DEFAULT_CERTIFICATE.expanduser()
    if named is None and not (credentials.sslmode.startswith("verify") and path.exists()):
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"The certificate {path} can't be read ({error}).") from None
