"""What all turns share: the database, the responder, and the limits of an answer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from typing import Any

from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId, SessionId, TurnId
from discreet.domain.outbound import NoFile, Place
from discreet.memory.embedding import Embedder
from discreet.scope import ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope
from discreet.services.attention import Concerns
from discreet.turn.compact import BudgetFor, Summarise
from discreet.turn.context import TurnContext
from discreet.turn.files import Fetch
from discreet.turn.owner_context import Look
from discreet.turn.prompt import Budget, Prompt
from discreet.turn.result import TurnResult
from discreet.turn.streaming import DraftPlatforms
from discreet.turn.summarise import pick_sentences
from discreet.turn.think import OnText, Tools
from discreet.turn.typing_indicator import ShowTyping

FIRST_WAIT = timedelta(seconds=5)


Responder = Callable[[TurnContext, Prompt, Tools, OnText], Coroutine[Any, Any, TurnResult]]
"""Produces the answer: a language model with its tools, or the offline responder."""


OpenServers = Callable[
    [Transaction, SessionScope, SessionId, TurnId], Coroutine[Any, Any, Tools | None]
]
"""Returns the tools of the owner's servers that this turn may use; None: there are none."""


async def _show_nothing(_: OwnerId, __: str, ___: Place) -> None:
    """Show nothing, if no platform is connected."""


async def _fetch_nothing(_: OwnerId, __: str, ___: str, ____: str, _____: int) -> NoFile:
    """Fetch nothing, if no platform is connected."""
    return NoFile("no platform is connected")


async def _look_nowhere() -> Concerns:
    """Find no concerns, where no installation is served."""
    raise Unavailable("The status can't be read here.", hint="At the terminal: sb status")


@dataclass(frozen=True, slots=True)
class Turns:
    """The shared objects and settings of all turns.

    ``max_attempts``: after that many, the sender is told. ``first_wait``: the delay before the
    first retry; it doubles with each further one. ``summarise``: summarizes conversations that have
    grown too long. ``zone``: the default time zone. ``budget_for``: returns the budget that fits an
    agent's model; None: ``budget`` for all. ``total_seconds``: how long a model may take for one
    answer; see ``Settings``. ``servers``: opens the tools of the owner's servers. ``revoking``:
    revokes the accounts of a scope that its block deletes. ``look``: finds what needs the
    owner's attention. ``at_terminal``: answers of local routes are stored as sent; otherwise
    jobs deliver them.
    """

    db: ScopedDatabase
    embedder: Embedder
    responder: Responder
    max_attempts: int
    budget: Budget
    first_wait: timedelta = FIRST_WAIT
    show_typing: ShowTyping = _show_nothing
    fetch: Fetch = _fetch_nothing
    platforms: DraftPlatforms | None = None
    summarise: Summarise = pick_sentences
    total_seconds: float = 900.0
    zone: tzinfo = UTC
    budget_for: BudgetFor | None = None
    servers: OpenServers | None = None
    revoking: Callable[[SessionScope], AbstractAsyncContextManager[None]] | None = None
    look: Look = _look_nowhere
    at_terminal: bool = False
