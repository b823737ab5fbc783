"""Senders' questions about their own data, and the access log."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog

from discreet.domain.errors import BadInput, DiscreetError, NotFound
from discreet.domain.ids import OwnerId
from discreet.schemas import own_data as schemas
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase, Transaction, WorkScope
from discreet.services.context import OperationContext
from discreet.services.erasing import erase_contact
from discreet.services.tool_access import ToolAccess

__all__ = [
    "CODE_MINUTES",
    "ask_for_erasure",
    "confirm_erasure",
    "erase_due",
    "explain_answer",
    "list_access",
    "record_access",
]

log = structlog.get_logger(__name__)

PAUSE = timedelta(minutes=15)
"""Repeated looks within this time are one entry."""
CODE_MINUTES = 10
"""As in ``gate.confirm_erasure``."""
PATIENCE = timedelta(minutes=2)
"""How long an erasure waits for the last answer to be sent."""


async def record_access(
    db: ScopedDatabase,
    owner_id: OwnerId,
    contact_ids: Iterable[UUID | None],
    did: schemas.Did,
    place: schemas.Place,
) -> None:
    """Record that a person read, changed or exported these contacts' data."""
    ids = {one for one in contact_ids if one is not None}
    if not ids:
        return
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "SELECT gate.record_access(%(ids)s, %(did)s, %(place)s, %(pause)s)",
            {"ids": sorted(ids), "did": did, "place": place, "pause": PAUSE},
        )


async def explain_answer(context: OperationContext) -> schemas.Explanation:
    """Return the sources of the last answer of this scope.

    Raises:
        BadInput: the scope is the owner's.
    """
    async with context.begin() as tx:
        if isinstance(tx.scope, OwnerScope):
            raise BadInput("You are the owner.", hint="See: sb turns list")
        sources = await tx.value("SELECT gate.explain_last_answer()")
    if sources is None:
        return schemas.Explanation(model=None, answered_at=None, used=[], lines=0, tools=[])
    return schemas.Explanation(
        model=sources["model"],
        answered_at=sources["answered_at"],
        used=sources["found"],
        lines=sources["lines"],
        tools=sources["tools"],
    )


async def list_access(context: OperationContext) -> schemas.AccessList:
    """List who read or changed the data of this scope's contact, newest first.

    Raises:
        BadInput: the scope isn't a contact's.
    """
    async with context.begin() as tx:
        _check_contact(tx)
        found = await tx.fetch("SELECT * FROM gate.list_access()")
        sources = await tx.value("SELECT gate.explain_last_answer()")
    items = [schemas.Access(**row) for row in found]
    return schemas.AccessList(items=items, model=None if sources is None else sources["model"])


async def ask_for_erasure(context: OperationContext) -> schemas.ErasureAsked:
    """Return the code with which the contact of this scope confirms that it wants to be erased.

    Raises:
        BadInput: the scope isn't a person's.
    """
    code = secrets.token_hex(3)
    async with context.begin() as tx:
        _check_contact(tx)
        if not await tx.value("SELECT gate.ask_for_erasure(%(code)s)", {"code": code}):
            raise _no_person()
    return schemas.ErasureAsked(code=code, minutes=CODE_MINUTES)


async def confirm_erasure(
    context: OperationContext, request: schemas.ConfirmErasure
) -> schemas.ErasureConfirmed:
    """Decide that the contact of this scope is erased; a serving process does it within minutes.

    Raises:
        BadInput: the scope isn't a person's, or the code is wrong or has expired.
    """
    async with context.begin() as tx:
        _check_contact(tx)
        receipt = await tx.value(
            "SELECT gate.confirm_erasure(%(code)s)", {"code": request.code.strip().lower()}
        )
    if receipt is None:
        raise BadInput("This code is wrong or has expired.", hint="Ask for a new one.")
    return schemas.ErasureConfirmed(receipt=receipt)


async def erase_due(db: ScopedDatabase, home: Path, tools: ToolAccess | None = None) -> int:
    """Erase the contacts that have confirmed it, once they have been told; return how many."""
    async with db.begin(WorkScope()) as tx:
        due = await tx.fetch("SELECT * FROM gate.due_erasures(%(wait)s)", {"wait": PATIENCE})
    erased = 0
    for row in due:
        try:
            await erase_contact(db, OwnerId(row["owner_id"]), str(row["contact_id"]), home, tools)
            erased += 1
        except NotFound:
            continue  # another process has done it
        except DiscreetError as error:
            log.warning("a contact could not be erased yet", error=type(error).__name__)
    return erased


def _check_contact(tx: Transaction) -> None:
    if not isinstance(tx.scope, ContactScope):
        raise _no_person()


def _no_person() -> BadInput:
    return BadInput(
        "Several people write here, or you are the owner.",
        hint="A person asks for this in a direct chat.",
    )
