"""Errors that a user can cause, each with a hint that says what to do."""

from __future__ import annotations


class DiscreetError(Exception):
    """An error that is told to the user in one line; ``exit_code`` is what ``sb`` ends with."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadInput(DiscreetError):
    """What was given can't be understood or isn't allowed; nothing was stored."""

    exit_code = 2


class NotFound(DiscreetError):
    """No such thing in this scope; the same answer whether it is somebody else's or nobody's."""

    exit_code = 2


class Conflict(DiscreetError):
    """Somebody changed it meanwhile, or it exists already."""


class LimitReached(Conflict):
    """No more of this is kept; something has to go first."""


class Outdated(Conflict):
    """It is at another version than the one that the change was made from."""


class Unauthorized(DiscreetError):
    """No token, or one that is unknown, expired, revoked or of somebody who is blocked."""


class Forbidden(DiscreetError):
    """Whoever asks is known, and may not do this."""


class ScopeError(DiscreetError):
    """A scope is missing, malformed or of another owner."""


class Unavailable(DiscreetError):
    """The database, the model or the platform can't be reached."""


class AddressInUse(Unavailable):
    """Another program listens on this address."""


class SecretMissing(Unavailable):
    """This server lacks a secret that the work needs. Another one may have it, or a person gives
    it: the work is left for later, and never fails for it."""
