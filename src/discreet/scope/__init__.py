"""The door: whoever wants rows says whose, and gets those and no others."""

from discreet.scope.door import Door
from discreet.scope.rows import Rows
from discreet.scope.scopes import (
    ContactScope,
    IntakeScope,
    OwnerScope,
    Scope,
    SharedScope,
    WorkScope,
    session_scope,
)

__all__ = [
    "ContactScope",
    "Door",
    "IntakeScope",
    "OwnerScope",
    "Rows",
    "Scope",
    "SharedScope",
    "WorkScope",
    "session_scope",
]
