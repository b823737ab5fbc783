"""Contacts: the address book, read. Contacts come into being at intake, never here."""

from discreet.contacts.known_platforms import platform_name
from discreet.contacts.names import Ambiguous, Found, Resolution, Unknown, resolve_name
from discreet.contacts.store import (
    Contact,
    Entry,
    entry_at,
    get_contact,
    get_entries,
    get_entry,
    page_of_entries,
)

__all__ = [
    "Ambiguous",
    "Contact",
    "Entry",
    "Found",
    "Resolution",
    "Unknown",
    "entry_at",
    "get_contact",
    "get_entries",
    "get_entry",
    "page_of_entries",
    "platform_name",
    "resolve_name",
]
