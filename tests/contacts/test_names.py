from __future__ import annotations

import unicodedata
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.contacts.names import (
    AmbiguousName,
    FoundName,
    Match,
    Named,
    UnknownName,
    match_name,
    resolve_name,
)
from discreet.domain.ids import ContactId
from discreet.scope import ScopedDatabase
from tests.support.world import make_world


def named(name: str, *aliases: str) -> Named:
    return ContactId(uuid4()), name, aliases


def found(*bearers: Named) -> Match:
    return Match(tuple(bearer[0] for bearer in bearers), exact=True)


@pytest.mark.parametrize("wanted", ["Zoë", "zoe\u0308", "ZOË", "  Zoë "])
def test_case_form_and_space_make_no_difference(wanted: str) -> None:
    zoe = named("Zoë")
    assert match_name([named("Zora"), zoe], wanted) == found(zoe)


def test_a_name_goes_before_an_alias() -> None:
    bear, teddy = named("Bear"), named("Teddy", "Bear")
    assert match_name([teddy, bear], "bear") == found(bear)
    assert match_name([teddy], "bear") == found(teddy)


def test_two_of_a_name_are_never_decided_between() -> None:
    both = (named("Alice"), named("alice"))
    assert match_name(both, "Alice") == found(*both)


def test_similar_names_are_suggestions_the_best_first() -> None:
    near, nearest, far = named("Alina"), named("Alicia"), named("Bartholomew")
    match = match_name([far, near, nearest], "Alicya")
    assert not match.exact
    assert match.ids[0] == nearest[0]
    assert far[0] not in match.ids


def test_a_contact_with_a_similar_name_and_a_similar_alias_is_suggested_once() -> None:
    alice = named("Alice", "Alyce")
    assert match_name([alice], "Alise") == Match((alice[0],), exact=False)


@given(st.text(), st.lists(st.text(max_size=20), max_size=5))
def test_only_an_equal_name_is_ever_found(wanted: str, names: list[str]) -> None:
    listed = [named(name) for name in names]
    match = match_name(listed, wanted)
    if match.exact:
        for of, name, _ in listed:
            assert (of in match.ids) == (_folded(name) == _folded(wanted) != "")


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


async def test_a_name_of_two_people_or_one_that_is_only_similar_names_nobody(
    db: ScopedDatabase,
) -> None:
    world = await make_world(db)
    for number, name in enumerate(("Alice", "alice", "Bartholomew")):
        await world.say(f"telegram:{number}", "hello", name=name)
    async with db.begin(world.owner) as tx:
        both, similar = [await resolve_name(tx, name) for name in ("Alice", "Bartolomew")]
    assert isinstance(both, AmbiguousName)
    assert len(both.entries) == 2
    assert isinstance(similar, UnknownName)
    assert [entry.contact.name for entry in similar.similar] == ["Bartholomew"]


async def test_a_name_is_found_however_it_is_spelled_and_so_is_an_alias(db: ScopedDatabase) -> None:
    world = await make_world(db)
    spelled = (
        "Ann Lee",
        "ANN LEE",
        "\uff21\uff4e\uff4e \uff2c\uff45\uff45",
        "annlee",
        "Änn",
        "Mia",
    )
    for number, name in enumerate(spelled):
        await world.say(f"telegram:{number}", "hello", name=name)
    async with db.begin(world.owner) as tx:
        await tx.execute("UPDATE discreet.contacts SET aliases = '{Boss}' WHERE name = 'Mia'")
        found = {
            asked: await resolve_name(tx, asked)
            for asked in ("ann  lee", spelled[2], "ÄNN", "A\u0308nn", "boss", "Annlee", "Nobody\0")
        }
    names = {
        asked: [entry.contact.name for entry in one.entries]
        if isinstance(one, AmbiguousName)
        else [one.entry.contact.name]
        if isinstance(one, FoundName)
        else None
        for asked, one in found.items()
    }
    three = list(spelled[:3])
    assert names == {
        "ann  lee": three,
        spelled[2]: three,
        "ÄNN": ["Änn"],
        "A\u0308nn": ["Änn"],
        "boss": ["Mia"],
        "Annlee": ["annlee"],
        "Nobody\0": None,
    }
