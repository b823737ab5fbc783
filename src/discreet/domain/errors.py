"""Errors that a user can cause, each with a hint that says what to do."""

from __future__ import annotations


class DiscreetError(Exception):
    """An error to show to the user in one line; ``exit_code`` is the exit code of ``sb``."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadInput(DiscreetError):
    """The input is invalid or not allowed; nothing was stored."""

    exit_code = 2


class NotFound(DiscreetError):
    """Not found in this scope. The same error for ids of others and ids that don't exist."""

    exit_code = 2


class Conflict(DiscreetError):
    """It was changed in the meantime, or it exists already."""


class LimitReached(Conflict):
    """The limit is reached; something has to be deleted first."""


class Outdated(Conflict):
    """It has another version than the one that the change is based on."""


class LostRace(Conflict):
    """Somebody else changed the same rows at the same time. The same request may succeed now."""


class Unauthorized(DiscreetError):
    """The token is missing, unknown, expired, revoked, or its contact is blocked."""


class Forbidden(DiscreetError):
    """The caller is authenticated, but may not do this."""


class ScopeError(DiscreetError):
    """A scope is missing, malformed or of another owner."""


class Unavailable(DiscreetError):
    """The database, the model or the platform can't be reached."""


class AddressInUse(Unavailable):
    """Another program listens on this address."""


class SecretMissing(Unavailable):
    """This server lacks a secret for the job. Another one may have it, or a person provides
    it: the work is left for later, and never fails for it."""
