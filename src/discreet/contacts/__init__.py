"""Contacts: read the address book. Contacts are created at intake, never here."""

from discreet.contacts.known_platforms import platform_name
from discreet.contacts.names import AmbiguousName, FoundName, Resolution, UnknownName, resolve_name
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
    "AmbiguousName",
    "Contact",
    "Entry",
    "FoundName",
    "Resolution",
    "UnknownName",
    "entry_at",
    "get_contact",
    "get_entries",
    "get_entry",
    "page_of_entries",
    "platform_name",
    "resolve_name",
]
