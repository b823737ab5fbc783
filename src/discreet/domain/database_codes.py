"""Codes that functions of the database raise or store, and their texts for owners and callers."""

from __future__ import annotations

__all__ = ["DATABASE_CODES", "text_of_code"]

DATABASE_CODES = {
    # DS001: no such thing in this scope.
    "no_such_channel": "no such channel",
    "no_such_contact": "no such contact",
    "no_such_link": "no such link",
    "no_such_pairing": "no such pairing",
    "no_such_session": "no such session",
    # DS002: it can't be resolved.
    "group_is_no_person": "a group is no person",
    "no_sender": "the sender is missing",
    # DS003: not as things stand.
    "answer_being_sent": "an answer is just being sent; try again in a moment",
    "contact_blocked": "one of them is blocked; unblock it first",
    "contact_not_admitted": "one of them waits to be let in; decide that first",
    "contact_taken_over": "one of them is talked to in person; hand it back first",
    "erase_joined": "it was joined with another contact; erase that one, or undo the link first",
    "joined_already": "one of them was joined with another contact already",
    "kept_joined": "the contact that was kept was joined with another one; undo that first",
    "same_contact": "they are one contact already",
    # Why a turn came to nothing.
    "erased_meanwhile": "somebody was erased meanwhile",
}


def text_of_code(code: str | None) -> str:
    """The text for a code; what is none, such as a text that the program itself kept, stays."""
    return DATABASE_CODES.get(code or "", code or "")
