"""Translate database errors for people. The only module that reads their codes."""

from __future__ import annotations

from psycopg import DataError, Error, OperationalError, errors

from discreet.domain.database_codes import text_of_code
from discreet.domain.errors import (
    BadInput,
    Conflict,
    DiscreetError,
    LimitReached,
    LostRace,
    NotFound,
    ScopeError,
    Unavailable,
)

__all__ = [
    "LOST_RACES",
    "DiskIsFull",
    "NoConnectionsLeft",
    "is_lost",
    "outage_of",
    "refusal_of",
]

LOST_RACES = (
    errors.UniqueViolation,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.ForeignKeyViolation,
)
"""Somebody else was first: what is done again sees what they did."""
_UNSTORABLE = "The text contains a character that can't be stored."

# libpq gives no error code for a connection that was refused. The words are those of untranslated
# messages; where they are others, the cause isn't named.
_NO_CONNECTIONS = ("too many clients", "too many connections", "connection slots are reserved")


class DiskIsFull(Unavailable):
    """Nothing can be stored until there is room."""


class NoConnectionsLeft(Unavailable):
    """Others hold every connection that the server allows."""


def outage_of(error: Error) -> Unavailable | None:
    """Return the error for people where the server is at fault and not the statement; else None."""
    code, words = error.sqlstate or "", str(error)
    if code == "53100":
        return DiskIsFull(
            "The disk of the database is full.", hint="Make room on it; then try again."
        )
    if code == "53300" or any(one in words for one in _NO_CONNECTIONS):
        return NoConnectionsLeft(
            "The database has no connections left.", hint="See who holds them: sb status"
        )
    if code.startswith(("53", "58")):
        return Unavailable(
            f"The database lacks resources (error {code}).", hint="Its log says more. Try again."
        )
    if code == "25006":
        return Unavailable(
            "The database only lets itself be read now; it may be failing over.", hint="Try again."
        )
    return None


def is_lost(error: Error) -> bool:
    """Return whether the connection is gone: its other end is silent, or the server ended it."""
    if not isinstance(error, OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def refusal_of(error: Error | UnicodeEncodeError) -> DiscreetError | None:
    """Return what the database refused, if the statement or its values are at fault."""
    match error:
        case UnicodeEncodeError() | errors.UntranslatableCharacter():
            return BadInput(_UNSTORABLE, hint="Send it as UTF-8 text.")
        case errors.InsufficientPrivilege():
            return ScopeError("This scope may not do that.")
        case errors.UniqueViolation():
            return Conflict("It already exists.")
        case errors.DeadlockDetected() | errors.SerializationFailure():
            return LostRace("It was changed at the same time.", hint="Try again.")
        case errors.ForeignKeyViolation():
            return NotFound("It refers to something that does not exist.")
        case DataError(sqlstate=None):
            # The driver itself refuses it: a NUL in a text.
            return BadInput(_UNSTORABLE, hint="Leave it out.")
    return _refusal_of_gate(error)


def _refusal_of_gate(error: Error) -> DiscreetError | None:
    """Return what a function of the gate says itself."""
    message = error.diag.message_primary
    match error.sqlstate:
        case "DS001":
            return NotFound(f"There is {text_of_code(message)}.")
        case "DS002":
            return BadInput(f"That can't be resolved: {text_of_code(message)}.")
        case "DS003":
            return Conflict(f"That can't be done: {text_of_code(message)}.")
        case "DS004":
            return LimitReached(
                f"At most {int(message or 0):,} memories are kept here.",
                hint="Forget some first.",
            )
    return None
