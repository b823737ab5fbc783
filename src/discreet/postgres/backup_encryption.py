"""Encrypt backups: age files for X25519 keys, or for a key that a passphrase unlocks.

A file for recipients is an ordinary age file. One for a passphrase has two lines before it: a mark,
and the private key, encrypted with the passphrase. So the writer of a backup needs only a public
key: a server that backs up every day doesn't hold the passphrase.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from discreet.domain.errors import BadInput, Unavailable
from discreet.postgres.private_files import read_private
from discreet.postgres.sealing import NotSealedSo, seal, unseal

__all__ = [
    "PLAIN",
    "BackupKeys",
    "Locked",
    "Plain",
    "Unlocking",
    "decrypt",
    "encrypt",
    "keys_of_passphrase",
    "keys_of_recipients",
    "lock_of",
    "new_identity",
    "one_time_keys",
    "read_identities",
]

AGE = b"age-encryption.org/v1\n"
MARK = b"discreet-backup/2\n"
MAX_KEY_LINE = 4_096
MIN_PASSPHRASE = 10
"""Fewer characters are refused."""
# OWASP's minimum: 128 MB for half a second. age's own choice takes 1 GB.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**17, 8, 1
MAX_SCRYPT_N = 2**20
SALT_BYTES = 16
BOUND_TO = "key of a backup"


@dataclass(frozen=True, slots=True)
class BackupKeys:
    """The recipients of encrypted backups.

    Attributes:
        recipients: Public keys, ``age1...``. Each of their private keys decrypts the file.
        locked_key: The private key of the only recipient, encrypted with a passphrase.
    """

    recipients: tuple[str, ...]
    locked_key: str | None = None


class Plain:
    """No encryption, chosen explicitly."""


PLAIN = Plain()


@dataclass(frozen=True, slots=True)
class Locked:
    """The key that a backup file needs: a passphrase, or the identity of a recipient."""

    passphrase: bool


@dataclass(frozen=True, slots=True)
class Unlocking:
    """The reader's keys: a passphrase, identities (``AGE-SECRET-KEY-1...``), or nothing."""

    passphrase: str | None = None
    identities: tuple[str, ...] = ()


def keys_of_passphrase(passphrase: str) -> BackupKeys:
    """Make a key that this passphrase unlocks. Takes half a second.

    Raises:
        BadInput: the passphrase is too short.
    """
    if len(passphrase) < MIN_PASSPHRASE:
        raise BadInput(f"The passphrase needs {MIN_PASSPHRASE} characters or more.")
    private, public = new_identity()
    salt = os.urandom(SALT_BYTES)
    key = _stretched(passphrase, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    locked = {
        "scrypt": [SCRYPT_N, SCRYPT_R, SCRYPT_P],
        "salt": base64.b64encode(salt).decode(),
        "key": base64.b64encode(seal(key, private, BOUND_TO, public)).decode(),
        "public": public,
    }
    return BackupKeys((public,), json.dumps(locked))


def keys_of_recipients(recipients: Sequence[str]) -> BackupKeys:
    """Return the keys for these recipients.

    Raises:
        BadInput: one isn't an age public key.
    """
    for one in recipients:
        _recipient(one)
    return BackupKeys(tuple(recipients))


def new_identity() -> tuple[str, str]:
    """Return a new private key and its public key."""
    from pyrage import x25519

    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def one_time_keys(keys: BackupKeys) -> tuple[BackupKeys, Unlocking]:
    """Add a recipient whose private key exists only here, to read the file back once."""
    private, public = new_identity()
    return (
        BackupKeys((*keys.recipients, public), keys.locked_key),
        Unlocking(identities=(private,)),
    )


def read_identities(path: Path) -> tuple[str, ...]:
    """Read a file of private keys, as ``age-keygen`` and ``sb backups keygen`` write it.

    Raises:
        BadInput: there is no such file, or no key in it.
        Unavailable: it is open to others.
    """
    text = read_private(path, "a private key")
    lines = [line.strip() for line in (text or "").splitlines()]
    found = tuple(line for line in lines if line.startswith("AGE-SECRET-KEY-"))
    if not found:
        raise BadInput(
            f"{path} holds no age identity." if text is not None else f"{path} does not exist.",
            hint="An identity file has a line that begins with AGE-SECRET-KEY-1.",
        )
    return found


def encrypt(keys: BackupKeys, source: Path, target: BinaryIO) -> None:
    """Write the encrypted content of ``source`` to an empty file.

    Raises:
        Unavailable: the disk is full.
    """
    import pyrage

    recipients = [_recipient(one) for one in keys.recipients]
    with _Writing(target, "The backup can't be written") as writing, source.open("rb") as plain:
        if keys.locked_key is not None:
            writing.write(MARK + base64.b64encode(keys.locked_key.encode()) + b"\n")
        pyrage.encrypt_io(plain, writing, recipients)


def lock_of(file: Path) -> Locked | None:
    """Return the key that a backup needs, or None if it isn't encrypted.

    Raises:
        BadInput: the file can't be read.
    """
    try:
        with file.open("rb") as opened:
            head = opened.read(max(len(AGE), len(MARK)))
    except OSError as error:
        raise BadInput(f"{file} can't be read: {error.strerror or error}.") from None
    if head.startswith(MARK):
        return Locked(passphrase=True)
    return Locked(passphrase=False) if head.startswith(AGE) else None


def decrypt(file: Path, unlocking: Unlocking, target: Path) -> None:
    """Write the decrypted content of an encrypted backup to ``target``, which must not exist.

    Raises:
        BadInput: the passphrase or the identity is missing or wrong, or the file is damaged.
        Unavailable: the disk is full.
    """
    import pyrage

    with file.open("rb") as source:
        locked_key = _locked_key(file, source)
        identities = _identities(file, locked_key, unlocking)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as plain, _Writing(plain, f"{file} can't be decrypted") as to:
            try:
                pyrage.decrypt_io(source, to, identities)
            except (pyrage.DecryptError, OSError) as error:
                if "No matching keys" in str(error):
                    raise BadInput(f"{file} was encrypted for another identity.") from None
                raise _damaged(file) from None


class _Writing:
    """Writes for pyrage, which loses an error of its last write, and the cause of any other.

    Raises at the end of the block:
        Unavailable: a write failed.
    """

    def __init__(self, target: BinaryIO, failed: str) -> None:
        self._target, self._failed = target, failed
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._target.write(data)
        except OSError as error:
            self._error = self._error or error
            raise

    def flush(self) -> None:
        try:
            self._target.flush()
        except OSError as error:
            self._error = self._error or error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._error is not None:
            raise Unavailable(
                f"{self._failed}: {self._error.strerror}.", hint="Free some space."
            ) from None


def _damaged(file: Path) -> BadInput:
    return BadInput(f"{file} is damaged.", hint="Use another backup.")


def _locked_key(file: Path, source: BinaryIO) -> str | None:
    """Read the lines before the age file, if there are any, and leave ``source`` behind them."""
    if source.readline(MAX_KEY_LINE) != MARK:
        source.seek(0)
        return None
    try:
        return base64.b64decode(source.readline(MAX_KEY_LINE), validate=False).decode()
    except ValueError:
        raise _damaged(file) from None


def _identities(file: Path, locked_key: str | None, unlocking: Unlocking) -> list[Any]:
    from pyrage import IdentityError, x25519

    texts = list(unlocking.identities)
    if unlocking.passphrase is not None and locked_key is not None:
        texts.append(_unlock(file, locked_key, unlocking.passphrase))
    if not texts and locked_key is not None:
        raise BadInput(f"{file} is encrypted with a passphrase.", hint="Add: --passphrase-file F")
    if not texts:
        raise BadInput(f"{file} is encrypted for an age identity.", hint="Add: --identity F")
    try:
        return [x25519.Identity.from_str(text) for text in texts]
    except IdentityError:
        raise BadInput("The identity isn't an age key.") from None


def _unlock(file: Path, locked_key: str, passphrase: str) -> str:
    try:
        locked = json.loads(locked_key)
        n, r, p = locked["scrypt"]
        salt, sealed = (base64.b64decode(locked[name]) for name in ("salt", "key"))
        public = str(locked["public"])
        if not 2 <= n <= MAX_SCRYPT_N or (r, p) != (SCRYPT_R, SCRYPT_P):
            raise ValueError
        key = _stretched(passphrase, salt, n, r, p)
    except (ValueError, KeyError, TypeError):
        raise _damaged(file) from None
    try:
        return unseal(key, sealed, BOUND_TO, public)
    except NotSealedSo:
        raise BadInput(f"That is not the passphrase of {file}.") from None


def _stretched(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(passphrase.encode())


def _recipient(text: str) -> Any:
    from pyrage import RecipientError, x25519

    try:
        return x25519.Recipient.from_str(text)
    except RecipientError:
        raise BadInput(
            f"{text!a} isn't an age public key.",
            hint="It begins with age1. Make one: sb backups keygen FILE",
        ) from None
