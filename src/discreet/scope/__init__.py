"""Scoped transactions: the only way to read or write rows."""

from discreet.scope.database import ScopedDatabase
from discreet.scope.scopes import (
    ContactScope,
    IntakeScope,
    OwnerScope,
    Scope,
    SharedScope,
    WorkScope,
    session_scope,
)
from discreet.scope.transaction import Transaction

__all__ = [
    "ContactScope",
    "IntakeScope",
    "OwnerScope",
    "Scope",
    "ScopedDatabase",
    "SharedScope",
    "Transaction",
    "WorkScope",
    "session_scope",
]
