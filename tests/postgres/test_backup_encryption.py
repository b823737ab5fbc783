"""Only the passphrase, or the private key, reads a backup."""

from __future__ import annotations

from pathlib import Path

import pytest

from discreet.domain.errors import BadInput, Unavailable
from discreet.postgres.backup_encryption import (
    BackupKeys,
    Unlocking,
    decrypt,
    encrypt,
    keys_of_passphrase,
    keys_of_recipients,
    lock_of,
    new_identity,
    one_time_keys,
    read_identities,
)

CONTENT = b"everybody's words " * 20_000
PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def locked() -> BackupKeys:
    return keys_of_passphrase(PASSPHRASE)


def written(keys: BackupKeys, folder: Path) -> Path:
    plain, file = folder / "plain", folder / "file"
    plain.write_bytes(CONTENT)
    with file.open("wb") as target:
        encrypt(keys, plain, target)
    return file


def read(file: Path, unlocking: Unlocking) -> bytes:
    target = file.with_name("read")
    target.unlink(missing_ok=True)
    decrypt(file, unlocking, target)
    assert target.stat().st_mode & 0o777 == 0o600
    return target.read_bytes()


def test_the_passphrase_reads_the_file_and_another_one_does_not(
    locked: BackupKeys, tmp_path: Path
) -> None:
    file = written(locked, tmp_path)
    assert b"everybody" not in file.read_bytes()
    assert (lock := lock_of(file)) is not None
    assert lock.passphrase
    assert read(file, Unlocking(PASSPHRASE)) == CONTENT
    with pytest.raises(BadInput, match="not the passphrase"):
        read(file, Unlocking(PASSPHRASE + "s"))
    with pytest.raises(BadInput, match="--passphrase-file"):
        read(file, Unlocking())


def test_what_writes_the_backup_holds_neither_the_passphrase_nor_the_private_key(
    locked: BackupKeys,
) -> None:
    assert "AGE-SECRET-KEY" not in repr(locked)
    assert PASSPHRASE not in repr(locked)


def test_each_recipient_reads_the_file_and_nobody_else_does(tmp_path: Path) -> None:
    (one, first), (two, second), (other, _) = new_identity(), new_identity(), new_identity()
    file = written(keys_of_recipients([first, second]), tmp_path)
    assert (lock := lock_of(file)) is not None
    assert not lock.passphrase
    for private in (one, two):
        assert read(file, Unlocking(identities=(other, private))) == CONTENT
    with pytest.raises(BadInput, match="another identity"):
        read(file, Unlocking(identities=(other,)))
    with pytest.raises(BadInput, match="--identity"):
        read(file, Unlocking(PASSPHRASE))


def test_a_file_for_a_recipient_is_an_ordinary_age_file(tmp_path: Path) -> None:
    import pyrage

    private, public = new_identity()
    file = written(keys_of_recipients([public]), tmp_path)
    identity = pyrage.x25519.Identity.from_str(private)
    assert pyrage.decrypt(file.read_bytes(), [identity]) == CONTENT


def test_a_one_time_key_reads_the_file_beside_the_passphrase(
    locked: BackupKeys, tmp_path: Path
) -> None:
    keys, unlocking = one_time_keys(locked)
    file = written(keys, tmp_path)
    assert read(file, unlocking) == CONTENT
    assert read(file, Unlocking(PASSPHRASE)) == CONTENT


@pytest.mark.parametrize("place", [3, 40, 500, 1_000, -3])
def test_a_changed_file_is_refused(place: int, locked: BackupKeys, tmp_path: Path) -> None:
    file = written(locked, tmp_path)
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(BadInput):
        read(file, Unlocking(PASSPHRASE))


@pytest.mark.parametrize("kept", [0.99, 0.5])
def test_a_file_that_is_cut_off_is_refused(kept: float, tmp_path: Path) -> None:
    private, public = new_identity()
    file = written(keys_of_recipients([public]), tmp_path)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(BadInput, match="damaged"):
        read(file, Unlocking(identities=(private,)))


@pytest.mark.parametrize("text", ["", "hello", "age1qqqq", "AGE-SECRET-KEY-1QQ", "ssh-ed25519 AA"])
def test_an_invalid_public_key_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="age public key"):
        keys_of_recipients([text])


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(BadInput, match="10 characters"):
        keys_of_passphrase("short")


def test_an_identity_file_open_to_others_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"# a comment\n{new_identity()[0]}\n")
    file.chmod(0o644)
    with pytest.raises(Unavailable, match="chmod 600"):
        read_identities(file)
    file.chmod(0o600)
    assert len(read_identities(file)) == 1
    file.write_text("nothing\n")
    with pytest.raises(BadInput, match="no age identity"):
        read_identities(file)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_full_disk_is_reported_even_for_the_last_bytes(size: int, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x" * size)
    keys = keys_of_recipients([new_identity()[1]])
    with (
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(Unavailable, match="No space left"),
    ):
        encrypt(keys, tmp_path / "plain", full)  # type: ignore[arg-type]
