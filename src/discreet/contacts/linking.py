"""Link two accounts of one person by codes: one code goes from each account to the other. In the
contact's own scope."""

from __future__ import annotations

from dataclasses import dataclass

from discreet.scope import Transaction


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of a code that was typed.

    ``outcome``: ``answered`` (it is another contact's, who is called ``other``; ``code`` has to be
    written there), ``linked``, ``own`` (it has to be written on the other account), ``wrong``,
    ``locked`` (too many wrong ones), ``nobody`` (a group), or the code of why it can't be now.
    """

    outcome: str
    code: str | None = None
    other: str | None = None


async def ask_to_link(tx: Transaction) -> str | None:
    """Return a code for the person's other account, valid for ten minutes; the one before it is
    void.

    None: this is a group's scope, which is no person's.
    """
    code: str | None = await tx.value("SELECT gate.ask_to_link()")
    return code


async def enter_link_code(tx: Transaction, typed: str) -> Entered:
    """Take a code; a wrong one has been counted then, so the transaction must commit."""
    found = await tx.fetch_one("SELECT * FROM gate.enter_link_code(%(code)s)", {"code": typed})
    assert found is not None  # noqa: S101 - a function's one row
    return Entered(**found)
