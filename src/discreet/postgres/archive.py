"""The backup file format: a tar with a manifest, the credentials and a database dump."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from dataclasses import asdict, dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

from discreet.domain.errors import BadInput, Unavailable
from discreet.postgres.credentials import Credentials

__all__ = ["DUMP", "Manifest", "extract_dump", "read_archive", "write_archive"]

FORMAT = 2
"""1: without ``rows``."""
MANIFEST, CREDENTIALS, DUMP = "manifest.json", "credentials.json", "database.dump"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of a backup. ``made_at`` is ISO 8601 in UTC, ``dump_sha256`` is hex.

    ``rows``: the rows of each table, to compare with what a restore finds; empty if unknown.
    """

    format: int
    discreet: str
    postgres: str
    made_at: str
    migrations: list[str]
    dump_sha256: str
    rows: dict[str, int] = field(default_factory=dict)


def write_archive(
    draft: Path,
    folder: Path,
    credentials: Credentials,
    *,
    discreet: str,
    postgres: str,
    made_at: str,
    migrations: list[str],
    rows: dict[str, int],
) -> None:
    """Pack the dump in ``folder`` into ``draft``, mode 0600, and sync it to disk."""
    manifest = Manifest(
        FORMAT, discreet, postgres, made_at, migrations, _sha256(folder / DUMP), rows
    )
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2), encoding="utf-8")
    (folder / CREDENTIALS).write_text(json.dumps(asdict(credentials)), encoding="utf-8")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for name in (MANIFEST, CREDENTIALS, DUMP):
                archive.add(folder / name, arcname=name, filter=_private)
        file.flush()
        os.fsync(file.fileno())


def read_archive(file: Path) -> tuple[Manifest, Credentials]:
    """Return the manifest and credentials of a backup, after verifying the dump's checksum.

    Raises:
        BadInput: the file doesn't exist, isn't a backup, is damaged, or comes from a newer version.
    """
    try:
        with tarfile.open(file, mode="r:") as archive:
            manifest = Manifest(**_document(archive, MANIFEST))
            if manifest.format > FORMAT:
                raise BadInput(f"{file} was made by a newer version.", hint="Update Discreet.")
            credentials = Credentials(**_document(archive, CREDENTIALS))
            with _member(archive, DUMP) as dump:
                checksum = hashlib.file_digest(dump, "sha256").hexdigest()
    except (tarfile.TarError, KeyError, TypeError, ValueError):
        raise BadInput(
            f"{file} is not a Discreet backup, or it is damaged.", hint="Use another backup."
        ) from None
    except OSError as error:
        raise BadInput(f"{file} can't be read: {error.strerror or error}.") from None
    if checksum != manifest.dump_sha256:
        raise BadInput(f"{file} is damaged.", hint="Use another backup.")
    return manifest, credentials


def extract_dump(file: Path, folder: Path) -> Path:
    """Copy the dump of a backup that ``read_archive`` accepted into ``folder``.

    Raises:
        Unavailable: the disk is full, or the file is gone.
    """
    target = folder / DUMP
    try:
        with (
            tarfile.open(file, mode="r:") as archive,
            _member(archive, DUMP) as dump,
            target.open("wb") as copy,
        ):
            shutil.copyfileobj(dump, copy)
    except (OSError, tarfile.TarError) as error:
        raise Unavailable(f"{file} can't be unpacked into {folder}: {error}.") from None
    return target


def _member(archive: tarfile.TarFile, name: str) -> BufferedReader:
    file = archive.extractfile(name)
    if not isinstance(file, BufferedReader):  # a folder, a device
        raise KeyError(name)
    return file


def _document(archive: tarfile.TarFile, name: str) -> dict[str, Any]:
    with _member(archive, name) as file:
        return dict(json.load(file))


def _private(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode = 0o600
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
