"""The context of an operation: a scope, an embedder, and the entry point."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from discreet.domain.ids import TurnId
from discreet.scope import ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope

if TYPE_CHECKING:
    from discreet.memory.embedding import Embedder

__all__ = ["OperationContext", "Source", "in_scope"]

Source = Literal["agent", "api", "mcp", "cli"]


@dataclass(frozen=True, slots=True)
class OperationContext:
    """Where one operation runs. The scope is fixed here; no request can name or widen it.

    Attributes:
        begin: Begins a transaction in the caller's scope. In a turn it also checks the lease.
        read: Opens the same scope for reading alone, without a transaction around the calls.
        embedder: Returns the embedder. It may have to load a model, so only operations
            that need one call it, and outside transactions.
        source: The ``source`` of memories that are created here.
        turn_id: The calling turn, if any. Memories it creates carry its id, and a search
            of messages leaves out the ones it answers.
    """

    begin: Callable[[], AbstractAsyncContextManager[Transaction]]
    read: Callable[[], AbstractAsyncContextManager[Transaction]]
    embedder: Callable[[], Embedder]
    source: Source
    turn_id: TurnId | None = None


def in_scope(
    db: ScopedDatabase, scope: SessionScope, embedder: Callable[[], Embedder], source: Source
) -> OperationContext:
    """Return the context of a caller who acts in ``scope``."""
    return OperationContext(partial(db.begin, scope), partial(db.read, scope), embedder, source)
