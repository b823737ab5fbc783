from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.contacts import Ambiguous, Contact, Entry, Found, Unknown, resolve_name
from discreet.domain.ids import ContactId


def entry(name: str, *aliases: str) -> Entry:
    contact = Contact(ContactId(uuid4()), "external", name, (), datetime.now(UTC))
    return Entry(contact, aliases, "")


@pytest.mark.parametrize("wanted", ["Zoë", "zoe\u0308", "ZOË", "  Zoë "])
def test_case_form_and_space_make_no_difference(wanted: str) -> None:
    zoe = entry("Zoë")
    assert resolve_name([entry("Zora"), zoe], wanted) == Found(zoe)


def test_a_name_goes_before_an_alias() -> None:
    bear, teddy = entry("Bear"), entry("Teddy", "Bear")
    assert resolve_name([teddy, bear], "bear") == Found(bear)
    assert resolve_name([teddy], "bear") == Found(teddy)


def test_two_of_a_name_are_never_decided_between() -> None:
    both = (entry("Alice"), entry("alice"))
    assert resolve_name(both, "Alice") == Ambiguous(both)


def test_similar_names_are_suggestions_the_best_first() -> None:
    near, nearest, far = entry("Alina"), entry("Alicia"), entry("Bartholomew")
    resolution = resolve_name([far, near, nearest], "Alicya")
    assert isinstance(resolution, Unknown)
    assert resolution.similar[0] == nearest
    assert far not in resolution.similar


def test_a_contact_with_a_similar_name_and_a_similar_alias_is_suggested_once() -> None:
    alice = entry("Alice", "Alyce")
    assert resolve_name([alice], "Alise") == Unknown((alice,))


@given(st.text(), st.lists(st.text(max_size=20), max_size=5))
def test_only_an_equal_name_is_ever_found(wanted: str, names: list[str]) -> None:
    resolution = resolve_name([entry(name) for name in names], wanted)
    if isinstance(resolution, Found):
        assert _folded(resolution.entry.contact.name) == _folded(wanted) != ""


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
