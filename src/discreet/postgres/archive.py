"""The file of a backup: a tar with a manifest, the credentials and the dump of the database."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from discreet.domain.errors import BadInput
from discreet.postgres.credentials import Credentials

__all__ = ["DUMP", "Manifest", "read_archive", "write_archive"]

FORMAT = 1
MANIFEST, CREDENTIALS, DUMP = "manifest.json", "credentials.json", "database.dump"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is of. ``made_at`` is ISO 8601 in UTC, ``dump_sha256`` is hex."""

    format: int
    discreet: str
    postgres: str
    made_at: str
    migrations: list[str]
    dump_sha256: str


def write_archive(
    draft: Path,
    folder: Path,
    credentials: Credentials,
    *,
    discreet: str,
    postgres: str,
    made_at: str,
    migrations: list[str],
) -> None:
    """Packs the dump that lies in ``folder`` into ``draft``, mode 0600, and syncs it to disk."""
    manifest = Manifest(FORMAT, discreet, postgres, made_at, migrations, _sha256(folder / DUMP))
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2), encoding="utf-8")
    (folder / CREDENTIALS).write_text(json.dumps(asdict(credentials)), encoding="utf-8")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for name in (MANIFEST, CREDENTIALS, DUMP):
                archive.add(folder / name, arcname=name, filter=_private)
        file.flush()
        os.fsync(file.fileno())


def read_archive(file: Path, folder: Path) -> tuple[Manifest, Credentials]:
    """Puts the dump into ``folder`` and returns the rest.

    Raises:
        BadInput: there is no such file, it is no backup, it is damaged, or a newer version made it.
    """
    try:
        with tarfile.open(file, mode="r:") as archive:
            manifest = Manifest(**_member(archive, MANIFEST))
            if manifest.format != FORMAT:
                raise BadInput(f"{file} was made by a newer version.", hint="Update discreet.")
            credentials = Credentials(**_member(archive, CREDENTIALS))
            source = archive.extractfile(DUMP)
            if source is None:
                raise KeyError(DUMP)
            with source, (folder / DUMP).open("wb") as target:
                shutil.copyfileobj(source, target)
    except OSError as error:
        if error.strerror is None:  # tarfile's own, about the content
            raise BadInput(f"{file} is damaged.", hint="Take another backup.") from None
        raise BadInput(f"{file} can't be read: {error.strerror}.") from None
    except (tarfile.TarError, KeyError, TypeError, ValueError):
        raise BadInput(
            f"{file} is no backup of discreet, or it is damaged.", hint="Take another backup."
        ) from None
    if _sha256(folder / DUMP) != manifest.dump_sha256:
        raise BadInput(f"{file} is damaged.", hint="Take another backup.")
    return manifest, credentials


def _member(archive: tarfile.TarFile, name: str) -> dict[str, Any]:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(name)
    with file:
        return dict(json.load(file))


def _private(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode = 0o600
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
