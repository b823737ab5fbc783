"""Link two accounts of one person by codes, one sent from each account to the other.

This runs in the contact's own scope.
"""

from __future__ import annotations

from dataclasses import dataclass

from discreet.scope import Transaction


@dataclass(frozen=True, slots=True)
class Entered:
    """The result of entering a code.

    ``outcome``: ``answered`` (it belongs to another contact, called ``other``; ``code`` must be
    entered there), ``linked``, ``own`` (it must be entered on the other account), ``wrong``,
    ``locked`` (too many wrong ones), ``nobody`` (a group), or the code of the obstacle.
    """

    outcome: str
    code: str | None = None
    other: str | None = None


async def create_link_code(tx: Transaction) -> str | None:
    """Return a code for the person's other account, valid for ten minutes.

    It replaces the previous one. None: this is a group's scope, and a group is not a person.
    """
    code: str | None = await tx.value("SELECT gate.create_link_code()")
    return code


async def redeem_link_code(tx: Transaction, typed: str) -> Entered:
    """Enter a code. A wrong one is counted, so the transaction must commit."""
    found = await tx.fetch_one("SELECT * FROM gate.redeem_link_code(%(code)s)", {"code": typed})
    assert found is not None  # noqa: S101 - a function's one row
    return Entered(**found)
