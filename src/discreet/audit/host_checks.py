"""Check the surroundings of the database: files, listeners, tokens, versions and more."""

from __future__ import annotations

import ipaddress
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from discreet.audit.findings import Finding
from discreet.audit.known_faults import FAULTS, Fault, parse_version
from discreet.domain.errors import DiscreetError
from discreet.domain.listen_address import ListenAddress
from discreet.postgres.backup_encryption import lock_of
from discreet.postgres.backup_list import backups_made
from discreet.postgres.credentials import Credentials
from discreet.schemas.tokens import Token
from discreet.settings import Settings

__all__ = [
    "ToolServerSeen",
    "check_credentials",
    "check_files",
    "check_listeners",
    "check_tokens",
    "check_tool_servers",
    "check_versions",
]

_LOCAL_HOSTS = ("localhost",)
_PROXY = "Listen on 127.0.0.1 and put a proxy that terminates TLS in front of it."


def check_files(home: Path) -> Iterator[Finding]:
    """Yield files of the home that others can read, and backups that aren't encrypted."""
    private = [home, *(path for path in sorted(home.iterdir()) if not path.is_symlink())]
    for path in private:
        try:
            status = path.lstat()
        except OSError:
            continue
        if stat.S_IMODE(status.st_mode) & 0o077 and not stat.S_ISSOCK(status.st_mode):
            # Behind a private folder nobody else gets at it, but it may be copied.
            inside = path != home and not stat.S_IMODE(home.lstat().st_mode) & 0o077
            yield Finding(
                "file-mode",
                "warning" if inside else "leak",
                "Other users of this machine may open it." if not inside else "It isn't private.",
                str(path),
                f"chmod {'700' if path.is_dir() else '600'} {path}",
            )
        if status.st_uid not in (os.geteuid(), 0):
            yield Finding(
                "file-owner", "leak", "It belongs to another user of this machine.", str(path),
                f"chown {os.geteuid()} {path}",
            )  # fmt: skip
    for made in backups_made(home):
        try:
            mode = stat.S_IMODE(made.file.stat().st_mode)
            if lock_of(made.file) is not None:
                continue
        except (OSError, DiscreetError):
            continue
        open_to_others = bool(mode & 0o077)
        yield Finding(
            "backup-unencrypted",
            "leak" if open_to_others else "warning",
            "A backup holds everybody's messages, unencrypted"
            + (", and others may read it." if open_to_others else "."),
            str(made.file),
            "Keep it on an encrypted disk, or encrypt it; chmod 600; delete the ones you don't"
            " need.",
        )


def check_listeners(settings: Settings) -> Iterator[Finding]:
    """Yield addresses that take or send text without TLS beyond this machine; canaries off."""
    if not settings.canaries:
        yield Finding(
            "canaries-off", "warning", "Outgoing texts are not searched for decoys' secrets.",
            "DISCREET_CANARIES=off", "Remove that setting.",
        )  # fmt: skip
    for name, where in (
        ("DISCREET_LISTEN", settings.listen),
        ("DISCREET_WEBHOOK_LISTEN", settings.webhook_listen),
    ):
        if name == "DISCREET_WEBHOOK_LISTEN" and settings.webhook_url is None:
            continue
        if not is_local(ListenAddress.parse(where).host):
            yield Finding(
                "listener-without-tls", "warning", "It takes requests from other machines, without"
                " TLS.", f"{name}={where}", _PROXY,
            )  # fmt: skip
    for name, url in (
        ("DISCREET_MODEL_BASE_URL", settings.model_base_url),
        ("DISCREET_EMBEDDER_BASE_URL", settings.embedder_base_url),
        ("DISCREET_DASHBOARD_URL", settings.dashboard_url),
        ("DISCREET_PUBLIC_URL", settings.public_url),
        ("DISCREET_WEBHOOK_URL", settings.webhook_url),
    ):
        parts = urlsplit(url or "")
        if parts.scheme == "http" and not is_local(parts.hostname or ""):
            yield Finding(
                "url-without-tls", "warning", "Texts travel unencrypted.",
                f"{name}={parts.scheme}://{parts.hostname}", "Use https.",
            )  # fmt: skip
    for origin in settings.api_origins:
        if origin.startswith("http://") and not is_local(urlsplit(origin).hostname or ""):
            yield Finding(
                "url-without-tls", "warning", "A page without TLS may call the API.",
                f"DISCREET_API_ORIGINS={origin}", "Use https.",
            )  # fmt: skip


def check_credentials(credentials: Credentials) -> Iterator[Finding]:
    """Yield a connection to a database elsewhere that doesn't check who answers."""
    hosts = [host for host in credentials.host.split(",") if not host.startswith("/")]
    far = [host for host in hosts if host and not is_local(host)]
    if far and credentials.sslmode != "verify-full":
        yield Finding(
            "database-without-tls", "warning",
            f"The connection to the database doesn't check the server (sslmode"
            f" {credentials.sslmode}).", ", ".join(far),
            "Create the installation with sslmode=verify-full and sslrootcert in the URL.",
        )  # fmt: skip


def check_tokens(tokens: Sequence[Token]) -> Iterator[Finding]:
    """Yield valid tokens that never expire."""
    for token in tokens:
        if token.is_valid and token.expires_at is None:
            yield Finding(
                "token-without-end", "warning", f"The {token.kind}'s token never expires.",
                f"{token.name or token.prefix}",
                f"Replace it by one with --expires, then: sb tokens revoke {token.prefix}",
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ToolServerSeen:
    """A tool server of an agent. ``open``: strangers may write to that agent.

    ``shared``: one session of the server serves everybody.
    """

    name: str
    agent: str
    url: str
    shared: bool
    open: bool
    trusted: bool = False


def check_tool_servers(servers: Sequence[ToolServerSeen]) -> Iterator[Finding]:
    """Yield servers that serve everybody, lack a sandbox or TLS, or that strangers reach."""
    for server in servers:
        where = f"{server.agent}: {server.name}"
        if server.shared:
            yield Finding(
                "shared-tool-server", "warning", "One session of it serves everybody, so anything "
                "it keeps between calls reaches others.", where,
                "Unless it keeps nothing, add it again without --shared.",
            )  # fmt: skip
        if server.trusted:
            yield Finding(
                "trusted-tool-server", "warning", "It runs without a sandbox, so it can read "
                "everything that the user of Discreet can, including all passwords.", where,
                "If its sandbox works here, add it again without --trust.",
            )  # fmt: skip
        if server.open:
            yield Finding(
                "open-admission-with-tools", "warning", "Any stranger may write to an agent that"
                " has tools.", where,
                "Use pairing or an allowlist, or allow the tools to labelled contacts only.",
            )  # fmt: skip
        parts = urlsplit(server.url)
        if parts.scheme == "http" and not is_local(parts.hostname or ""):
            yield Finding(
                "url-without-tls", "warning", "A tool's arguments travel unencrypted.", where,
                "Use https.",
            )  # fmt: skip


def check_versions(server_version: str, vector_version: str) -> Iterator[Finding]:
    """Yield parts whose version has a known fault."""
    have = {"postgresql": server_version, "pgvector": vector_version}
    for package in {fault.part for fault in FAULTS} - have.keys():
        try:
            have[package] = version(package)
        except PackageNotFoundError:
            continue
    for fault in FAULTS:
        if fault.part in have and _applies(fault, have[fault.part]):
            yield Finding(
                "known-fault", "warning", f"{fault.part} {have[fault.part]}: {fault.what}",
                fault.named, f"Update to {fault.fixed} or later.",
            )  # fmt: skip


def is_local(host: str) -> bool:
    """Return whether only this machine is reached by that host."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host in _LOCAL_HOSTS


def _applies(fault: Fault, have: str) -> bool:
    mine, fixed = parse_version(have), parse_version(fault.fixed)
    return parse_version(fault.since) <= mine < fixed
