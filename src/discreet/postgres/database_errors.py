"""Translate database errors for people. No other module reads their codes."""

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
    "is_wrong_password",
    "outage_of",
    "reason_of",
    "refusal_of",
    "server_refused",
    "why_not_connected",
]

LOST_RACES = (
    errors.UniqueViolation,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.ForeignKeyViolation,
)
"""Errors caused by a concurrent transaction. A retry sees its changes."""
_UNSTORABLE = "The text contains a character that can't be stored."

# libpq gives no error code for a refused connection. These are the untranslated messages; with a
# translated one, the cause isn't named.
_NO_CONNECTIONS = ("too many clients", "too many connections", "connection slots are reserved")
_STARTS_OR_STOPS = "the database system is "
_WRONG_PASSWORD = "password authentication failed"  # noqa: S105 - a message


class DiskIsFull(Unavailable):
    """The disk is full; nothing can be stored until there is room."""


class NoConnectionsLeft(Unavailable):
    """Other clients hold every connection that the server allows."""


def outage_of(error: Error) -> Unavailable | None:
    """Return the user-facing error if the server is at fault, not the statement; or None."""
    code, words = error.sqlstate or "", str(error)
    if code == "53100":
        return DiskIsFull(
            "The disk of the database is full.", hint="Free some space on it, then try again."
        )
    if code == "53300" or any(one in words for one in _NO_CONNECTIONS):
        return NoConnectionsLeft(
            "The database has no connections left.",
            hint="To see which programs hold them: sb status",
        )
    if code.startswith(("53", "58")):
        return Unavailable(
            f"The database lacks resources (error {code}).", hint="See its log. Try again later."
        )
    if code == "25006":
        return Unavailable(
            "The database is read-only now; it may be failing over.", hint="Try again."
        )
    return None


def is_wrong_password(error: OperationalError) -> bool:
    """Return whether the server refused a connection for its password, or its role is gone."""
    return _WRONG_PASSWORD in str(error)


def server_refused(error: OperationalError) -> bool:
    """Return whether a running server refused this connection, and not every connection."""
    return "FATAL" in str(error) and _STARTS_OR_STOPS not in str(error) and not outage_of(error)


def why_not_connected(error: OperationalError, place: str, *, if_refused: str = "") -> Unavailable:
    """Return the user-facing error for a connection to ``place`` that couldn't be made.

    ``if_refused``: what to do if the server refused this connection only.
    """
    if (outage := outage_of(error)) is not None:
        return outage
    reason = reason_of(error)
    if server_refused(error):
        return Unavailable(
            f"The database on {place} refused a connection: {reason}.", hint=if_refused
        )
    if _STARTS_OR_STOPS in str(error):
        return Unavailable(
            f"The database on {place} is starting or stopping: {reason}.", hint="Try again."
        )
    return Unavailable(
        f"The database on {place} can't be reached: {reason}.", hint="Is it running? Try again."
    )


def reason_of(error: OperationalError) -> str:
    """Return the server's message without the address that libpq prepends, or libpq's message."""
    said = str(error).strip()
    return (said.partition("FATAL:")[2].strip() or said).partition("\n")[0].rstrip(".")


def is_lost(error: Error) -> bool:
    """Return whether the connection is gone: no response, or ended by the server."""
    if isinstance(error, (errors.IdleInTransactionSessionTimeout, errors.TransactionTimeout)):
        return True
    if not isinstance(error, OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def refusal_of(error: Error | UnicodeEncodeError) -> DiscreetError | None:
    """Return the user-facing error if the statement or its values are at fault."""
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
        case errors.QueryCanceled():
            return Unavailable(
                "The database took too long for this and gave up.",
                hint="Ask for less, such as one contact or a shorter time, or try again later.",
            )
        case DataError(sqlstate=None):
            # The driver rejects a NUL in a text itself.
            return BadInput(_UNSTORABLE, hint="Remove it.")
    return _refusal_of_gate(error)


def _refusal_of_gate(error: Error) -> DiscreetError | None:
    """Return the error that a gate function raised."""
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
                f"The maximum of {int(message or 0):,} memories is reached.",
                hint="Forget some first.",
            )
    return None
