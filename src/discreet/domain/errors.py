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
    """The object was changed in the meantime or already exists."""


class LimitReached(Conflict):
    """The limit is reached; something has to be deleted first."""


class Outdated(Conflict):
    """The change is based on an older version of the object."""


class LostRace(Conflict):
    """A concurrent transaction changed the same rows. Retrying may succeed."""


class Unauthorized(DiscreetError):
    """The token is missing, unknown, expired, revoked, or its contact is blocked."""


class Forbidden(DiscreetError):
    """The caller is authenticated, but may not do this."""


class ScopeError(DiscreetError):
    """A scope is missing, malformed or belongs to another owner."""


class Unavailable(DiscreetError):
    """The database, the model or the platform can't be reached."""


class AddressInUse(Unavailable):
    """Another program already listens on this address."""


class SecretMissing(Unavailable):
    """The job needs a secret that this server lacks.

    Another server may have it, or the owner may still provide it, so the job is postponed and never
    failed because of this.
    """
