"""Error codes of database functions, and their texts for owners and callers."""

from __future__ import annotations

__all__ = ["DATABASE_CODES", "text_of_code"]

DATABASE_CODES = {
    # DS001: not found in this scope.
    "no_such_agent": "no such agent",
    "no_such_audit": "no such audit",
    "no_such_channel": "no such channel",
    "no_such_contact": "no such contact",
    "no_such_link": "no such link",
    "no_such_message": "no such message",
    "no_such_pairing": "no such pairing",
    "no_such_session": "no such session",
    # DS002: can't be resolved.
    "group_is_no_person": "a group is not a person",
    "no_sender": "the sender is missing",
    # DS003: not possible in the current state.
    "agent_on_hold": (
        "one of its contacts is on hold; move them to another agent, or: sb contacts release WHO"
    ),
    "same_agent": "an agent can't get its own conversations",
    "last_agent": "it is the only agent; create another one first",
    "other_memory_model": "one agent has one memory for everybody and the other one doesn't",
    "has_branches": "some of its chats lead to other agents; run sb channels unbranch first",
    "answer_being_sent": "an answer is being sent; try again in a moment",
    "audit_not_ended": "rows that an audit made refer to each other and were not deleted",
    "contact_blocked": "one of them is blocked; unblock it first",
    "contact_erases_itself": "one of them asked to be erased, which happens within minutes",
    "contact_on_hold": "one of the contacts is on hold; release it first: sb contacts release WHO",
    "erase_on_hold": "the contact is on hold; release it first: sb contacts release WHO",
    "contact_not_admitted": "one of them is waiting for approval; approve or deny it first",
    "contact_taken_over": "one of them is taken over; hand it back first",
    "erase_merged": ("it was merged into another contact; erase that one or undo the link first"),
    "already_merged": "one of them is already merged with another contact",
    "survivor_merged": "the kept contact was merged into another one; undo that link first",
    "too_many_reminders": "there are too many reminders",
    "visitor_is_known": "this visitor is already known as somebody else",
    "same_contact": "they are already the same contact",
    # Reasons why a turn was discarded.
    "erased_meanwhile": "a contact was erased meanwhile",
}


def text_of_code(code: str | None) -> str:
    """Return the text for a code. Anything else, such as a stored error text, is returned as is."""
    return DATABASE_CODES.get(code or "", code or "")
